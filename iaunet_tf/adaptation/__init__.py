"""Networks adapted to cameras whose people nobody has named: clusters of embeddings as identities, in rounds."""
