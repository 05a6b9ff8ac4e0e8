"""Page 08: every attribution method on the same clips."""
