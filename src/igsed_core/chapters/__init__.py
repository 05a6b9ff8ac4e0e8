"""One folder per page beyond the main job; no chapter imports another."""
