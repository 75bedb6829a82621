"""Trained networks as files for other programs. The commands are in `export/`."""
