"""Commands for anyone's recordings and classifiers: they need no clone of the repository."""
