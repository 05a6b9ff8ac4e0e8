"""Page 13: the main job under other seeds."""
