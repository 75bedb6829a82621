import csv

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.evaluation.classification import ClassificationResult


def test_against_scikit_learn(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 8)), rng.integers(0, 8, 200)
    result = ClassificationResult(logits, labels, list("abcdefgh"))
    assert result.top(1) == metrics.accuracy_score(labels, logits.argmax(1))
    assert result.top(5) == metrics.top_k_accuracy_score(labels, logits, k=5)
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(labels, logits.argmax(1)))


def test_by_hand(tmp_path):
    logits = np.array([[3.0, 1, 2], [1, 3, 2], [1, 2, 3], [1, 3, 2]])
    result = ClassificationResult(logits, np.array([0, 1, 1, 2]), ["x", "y", "z"])
    assert result.metrics() == {"top-1": 0.5, "top-5": 1.0}
    assert result.top(2) == 1.0
    assert "1 of 2 y predicted as z" in str(result) and "1 of 1 z predicted as y" in str(result)
    result.write_confusion(tmp_path / "confusion.csv")
    rows = list(csv.reader((tmp_path / "confusion.csv").open()))
    assert rows[1:] == [["x", "1", "0", "0"], ["y", "0", "1", "1"], ["z", "0", "1", "0"]]
    assert Image.open(tmp_path / "confusion.png").size[0] > 300


def test_a_network_that_says_nothing_gets_nothing():
    result = ClassificationResult(np.zeros((4, 10)), np.arange(4), [str(i) for i in range(10)])
    assert result.metrics() == {"top-1": 0, "top-5": 0}
