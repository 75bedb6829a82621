"""Devices, processes and hosts that work together."""
