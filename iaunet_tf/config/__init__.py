"""The configuration of a run: a dataclass for each task, filled from YAML files and the command line."""
