"""Page 22: edges of detectors, calibrated on gates that are made of training clips."""
