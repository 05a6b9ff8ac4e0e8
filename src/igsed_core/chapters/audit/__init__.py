"""Page 14: the open points of the paper, each turned into an experiment: one module per question."""
