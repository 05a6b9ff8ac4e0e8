"""Page 11: a localiser that never sees a time label."""
