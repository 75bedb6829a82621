"""A page to look at: why a network finds the people that it finds. `python -m iaunet_tf.report RUN [RUN]`."""
