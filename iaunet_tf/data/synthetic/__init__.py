"""Drawn pedestrians: data sets of images and of tracklets that need no download."""
