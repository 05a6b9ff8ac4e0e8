"""Page 18: how far a detector must remember, after Pankajakshan et al. 2020."""
