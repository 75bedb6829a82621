"""Several replicas, in one process and in several, compute what one does."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from distribution.hosts import environments

SCRIPT = Path(__file__).parent / "replicas.py"
ROOT = SCRIPT.parents[2]
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}


def run(folder, strategy, *flags, workers=1):
    """Arrays of every worker."""
    name = "-".join([strategy, str(workers), *flags])
    places = environments(workers) if strategy == "multi_worker" else [{}]
    outs = [folder / f"{name}-{index}.npz" for index in range(len(places))]
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), strategy, str(out), *flags],
            env={**QUIET, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for out, environment in zip(outs, places, strict=True)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-3000:]
    return [dict(np.load(out)) for out in outs]


def assert_equal(ours, theirs, kinds, tolerance=1e-5):
    for key, expected in theirs.items():
        if key.startswith(kinds):
            scale = max(1.0, np.abs(expected).max())
            np.testing.assert_allclose(ours[key], expected, atol=tolerance * scale, err_msg=key)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """What one replica computes, by its flags."""
    folder = tmp_path_factory.mktemp("single")
    return cache(lambda *flags: run(folder, "default", *flags)[0])


WAYS = [
    pytest.param("mirrored", 1, marks=pytest.mark.slow),
    ("multi_worker", 2),
    pytest.param("multi_worker", 3, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("strategy", "workers"), WAYS)
def test_frozen_statistics(single, tmp_path, strategy, workers):
    """All three losses, the hardest triplets looked for in the global batch, and shared evaluation."""
    every = run(tmp_path, strategy, "frozen", workers=workers)
    for arrays in every:
        assert_equal(arrays, single("frozen"), ("gradient/", "value/", "embeddings"))
        for key, value in arrays.items():  # the same to the last bit on all workers
            np.testing.assert_array_equal(value, every[0][key], err_msg=key)


@pytest.mark.parametrize(
    ("strategy", "workers"),
    [("mirrored", 1), ("multi_worker", 2), ("multi_worker", 3)],
)
@pytest.mark.slow
def test_synchronized_batch_norm(single, tmp_path, strategy, workers):
    every = run(tmp_path, strategy, "sync", workers=workers)
    for arrays in every:
        assert_equal(arrays, single("sync"), ("gradient/", "value/", "statistic/"), 1e-4)
        for key, value in arrays.items():
            np.testing.assert_array_equal(value, every[0][key], err_msg=key)


@pytest.mark.slow
def test_clipping_is_by_the_global_norm_and_one_worker_that_wants_to_stop_is_heard(single, tmp_path):
    (clipped,) = run(tmp_path, "mirrored", "frozen", "clip", "stop")
    assert clipped["value/stop"] > 0 and single("frozen")["value/stop"] == 0
    plain = {key: value for key, value in single("frozen").items() if key.startswith("gradient/")}
    norm = np.sqrt(sum((value.astype("float64") ** 2).sum() for value in plain.values()))
    assert norm > 1
    for key, value in plain.items():
        np.testing.assert_allclose(clipped[key], value / norm, atol=1e-5, err_msg=key)
