"""Page 20: a waveform and a spectrogram network on the same excerpts, and what each listens to."""
