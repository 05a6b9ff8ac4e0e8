"""Page 16: time stamps for recordings of one's own."""
