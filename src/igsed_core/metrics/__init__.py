"""Numbers about detections: frames, localisation, ranking, events, PSDS, intervals, tidy rows."""
