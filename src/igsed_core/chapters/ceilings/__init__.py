"""Page 15: fair ceilings for the localiser, and what pooling does."""
