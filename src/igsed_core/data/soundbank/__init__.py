"""Sound banks: where the isolated sounds come from."""
