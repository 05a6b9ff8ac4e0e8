"""Page 07: threshold rules compared."""
