"""Data sets, the embedded pedestrians, and the `tf.data` pipeline."""
