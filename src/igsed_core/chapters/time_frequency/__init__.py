"""Page 21: right time, or right sound? Maps of time and frequency against the truth of the stems."""
