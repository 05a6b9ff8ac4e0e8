"""Page 10: a localiser that never sees a time label."""
