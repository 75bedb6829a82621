"""Embedding of very many images by the workers of Ray, on one machine or a cluster."""
