"""Data sets: their readers, synthetic ones, and the `tf.data` pipeline."""
