"""What everything stands on: errors, files, paths, processes, progress, provenance."""
