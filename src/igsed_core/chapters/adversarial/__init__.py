"""Page 19: attacks on sound classifiers by their gradients, and what becomes of explanations under them."""
