"""Benchmarks, run with `make bench`. Ratios can be compared between machines, times cannot."""
