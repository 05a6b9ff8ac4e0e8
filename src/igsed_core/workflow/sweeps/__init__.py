"""Many experiments as one graph: read, planned, run on this machine or a cluster, looked at, reported."""
