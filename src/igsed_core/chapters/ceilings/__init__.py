"""Page 15: fair ceilings for the localiser, its edges calibrated without time labels, and what pooling does."""
