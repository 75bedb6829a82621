"""Prints `triplet_hard_loss` of tensorflow-addons 0.23 on the oracle's features, for `test_losses.py`.

tensorflow-addons needs an environment of its own: Python 3.11, tensorflow==2.15.1, tensorflow-addons==0.23.0. From
the repository's root: `python tests/losses/tensorflow_addons_triplet.py`.
"""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

numbers = np.load("tests/oracle/losses.npz")
labels = tf.constant(numbers["labels"])
for margin in (0.3, 0.4, 1.0):
    features = tf.Variable(numbers["features"])
    with tf.GradientTape() as tape:
        loss = tfa.losses.triplet_hard_loss(labels, features, margin=margin, distance_metric="L2")
    gradient = tape.gradient(loss, features).numpy()
    print(f"margin {margin}: loss {loss.numpy()!r}, sum of |gradient| {np.abs(gradient).sum()!r}")
