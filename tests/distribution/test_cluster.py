import json
import socket
import subprocess
import sys

import pytest

from iaunet_tf.distribution.cluster import Cluster, expand_hosts, find_cluster, from_slurm, parse_tf_config
from iaunet_tf.errors import InputError


def config(cluster, kind="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_tf_config():
    assert parse_tf_config(config({"worker": ["a:1", "b:2"]}, index=1)) == Cluster(("a:1", "b:2"), 1)
    both = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    assert parse_tf_config(config(both, "chief")) == Cluster(("a:1", "b:2", "c:3"), 0)
    assert parse_tf_config(config(both, "worker", "1")) == Cluster(("a:1", "b:2", "c:3"), 2)  # Kubeflow writes strings
    again = parse_tf_config(Cluster(("a:1", "b:2"), 1).tf_config())
    assert again == Cluster(("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("{}", "cluster or task is missing"),
        ("[]", "cluster or task is missing"),
        (config({"worker": "a:1"}), "has the wrong type"),
        (config({"ps": ["a:1"], "worker": ["b:1"]}), "jobs must be chief and worker; received ps, worker"),
        (config({"worker": ["a", "b:1"]}), "'a' is not a host:port"),
        (config({"worker": ["a:1", "a:1"]}), "listed twice"),
        (config({"worker": ["a:1", "b:1"]}, index=2), "there is no worker 2"),
        (config({"worker": ["a:1", "b:1"]}, "chief"), "there is no chief 0"),
    ],
)
def test_malformed_tf_config(text, message):
    with pytest.raises(InputError, match=message) as error:
        parse_tf_config(text)
    assert "\n" not in str(error.value) and "host:port" in str(error.value)


def test_slurm():
    assert expand_hosts("n[01-03,07],gpu1,x[9-11]-ib") == [
        *["n01", "n02", "n03", "n07", "gpu1"],
        *["x9-ib", "x10-ib", "x11-ib"],
    ]
    step = {"SLURM_STEP_NODELIST": "n[9-10],m1", "SLURM_STEP_TASKS_PER_NODE": "2(x2),1", "SLURM_PROCID": "2"}
    # n10 keeps its rank behind n9, where sorting by name would put it first.
    assert from_slurm(step) == Cluster(("n9:12355", "n9:12356", "n10:12355", "n10:12356", "m1:12355"), 2)
    for missing in step:
        with pytest.raises(InputError, match="set TF_CONFIG instead"):
            from_slurm({key: value for key, value in step.items() if key != missing})


def test_where_the_cluster_is_looked_for(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert find_cluster() is None
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert find_cluster() is None
    for name, value in {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "a,b",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_PROCID": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert find_cluster() == Cluster(("a:12355", "b:12355"), 1)
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["c:1", "d:1"]}))
    assert find_cluster() == Cluster(("c:1", "d:1"), 0)
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["c:1"]}))  # alone
    assert find_cluster() is None


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of this worker, localhost:{port}, cannot be used"):
            Cluster((f"localhost:{port}", "localhost:1"), 0).check_port()
    Cluster((f"localhost:{port}", "localhost:1"), 0).check_port()


def test_who_is_missing_is_named_when_patience_ends():
    with socket.socket() as there:
        there.bind(("localhost", 0))
        there.listen()
        port = there.getsockname()[1]
        script = f"""
import time
from iaunet_tf.distribution.cluster import Cluster
with Cluster(("localhost:1", "localhost:{port}", "localhost:2"), 0).patience(0.2):
    time.sleep(60)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stdout.strip() == "error: localhost:2 did not appear within 0 s; start all workers"
