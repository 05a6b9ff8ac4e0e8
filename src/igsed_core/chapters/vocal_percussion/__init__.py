"""Page 17: embeddings of amateur vocal percussion, after Delgado et al. 2022."""
