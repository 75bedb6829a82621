"""Readers of data sets, a file for each layout; `table.py` lists them."""
