"""Training: configuration, the loop, and the folder a run leaves behind."""
