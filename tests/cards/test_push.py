"""`iaunet push` with the hub's own client, against a stand-in of the hub."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cards.made import THRESHOLDS, make_run, reid, rows_of
from cards.stand_in import MAY_READ
from huggingface_hub import ModelCard, constants

from iaunet_tf.cards.hub import upload
from iaunet_tf.cards.uploads import Upload
from iaunet_tf.commands import main
from iaunet_tf.config.parsing import parse
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run, claim
from iaunet_tf.weights.hub import fetch_network

SENT = {"README.md", "model.keras", "model.keras.thresholds.json", "metrics.json", "config.yaml"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with everything that may not leave the machine beside what may."""
    folder = tmp_path_factory.mktemp("secret")
    config = reid("market1501", data__root=f"{folder}/Market")
    run = make_run(folder / "run", config, rows_of("market1501"), thresholds=THRESHOLDS)
    for name in ("embeddings/market1501-query.npy", "tensorboard/events", "report/ranked/1.jpg", "cameras.csv"):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_bytes(b"somebody")
    return run


@pytest.fixture
def run(made, tmp_path):
    return Run(Path(shutil.copytree(made.path, tmp_path / "run")))


def push(*words):
    return main(["push", *map(str, words)])


def fails(capsys, *words):
    """The line that an unsuccessful push ends with."""
    assert push(*words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


def test_what_arrives_is_what_there_is(made, run, hub, capsys):
    assert push(run.path, "anna/people", "--license", "mit") == 0
    said = capsys.readouterr()
    assert said.err == "" and "anna/people, private:" in said.out and "https" not in said.out
    kept = hub.repositories["anna/people"]
    assert kept["private"] is True and len(kept["commits"]) == 1
    files = kept["commits"][0]["files"]
    assert set(files) == SENT
    for name in SENT - {"config.yaml"}:
        assert files[name] == (run.path / name).read_bytes(), name
    assert len(hub.objects) == 2  # the network and the card, which are large here, went by LFS
    for name, content in files.items():
        assert re.search(rf"^  {re.escape(name)} +{len(content) / 1e3:,.1f} kB$", said.out, re.MULTILINE), name
        assert not any(os.fsencode(place) in content for place in (run.path, made.path.parent))
    assert kept["head"] in said.out.splitlines()[-1]


def test_the_configuration_that_arrives_is_the_run_s_without_places(run, hub, tmp_path):
    keys = {f"data__{key}": [f"msmt17={tmp_path}/MSMT17"] for key in ("more", "test")}
    keys |= {"model__weights": f"{tmp_path}/start.keras", "loss__teacher": f"{tmp_path}/teacher"}
    other = make_run(tmp_path / "other", reid("market1501", data__root=f"{tmp_path}/Market", **keys))
    assert push(other.path, "anna/people") == 0
    content = yaml.safe_load(hub.files("anna/people")["config.yaml"])
    expected = yaml.safe_load(other.config.read_text())
    assert content["run_dir"] is None and expected["run_dir"]
    assert content["data"].pop("root") == "market1501" and expected["data"].pop("root").endswith("Market")
    assert content["data"].pop("more") == content["data"].pop("test") == ["msmt17=msmt17"]
    assert content["model"].pop("weights") == "start.keras" and content["loss"].pop("teacher") == "teacher"
    for key in ("more", "test"):
        del expected["data"][key]
    del expected["model"]["weights"], expected["loss"]["teacher"], content["run_dir"], expected["run_dir"]
    assert content == expected
    file = tmp_path / "arrived.yaml"
    file.write_bytes(hub.files("anna/people")["config.yaml"])
    assert parse(["--config", str(file)]).data.name == "market1501"  # it can be used


def test_a_dry_run_sends_nothing_and_writes_nothing(run, hub, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    assert push(run.path, "anna/people", "--dry-run", "--public") == 0
    assert not hub.requests and {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    said = capsys.readouterr().out
    assert "anna/people, public:" in said and all(f"  {name} " in said for name in SENT) and "a dry run" in said
    assert "warning: no licence is stated" in said


def test_exports_travel_with_their_thresholds(run, hub, tmp_path, capsys):
    export = tmp_path / "people.onnx"
    export.write_bytes(b"onnx" * 5000)
    (tmp_path / "people.onnx.thresholds.json").write_text("{}")
    assert push(run.path, "anna/people", "--with", export, "--public", "--licence=mit") == 0
    files = hub.files("anna/people")
    assert set(files) == SENT | {"people.onnx", "people.onnx.thresholds.json"}
    assert files["people.onnx"] == export.read_bytes() and hub.repositories["anna/people"]["private"] is False
    (tmp_path / "a.jpg").touch()
    assert "takes .onnx and .tflite files" in fails(capsys, run.path, "anna/people", "--with", tmp_path / "a.jpg")
    twice = ["--with", export, "--with", shutil.copy(export, run.path)]
    assert "two files are called people.onnx" in fails(capsys, run.path, "anna/people", *twice)


def test_pushed_again_it_is_another_commit_in_the_same_repository(run, hub):
    assert push(run.path, "anna/people", "--license=mit") == 0
    run.metrics.write_text(run.metrics.read_text().replace("0.823456", "0.5"))
    assert push(run.path, "anna/people") == 0
    commits = hub.repositories["anna/people"]["commits"]
    assert len(commits) == 2 and b"0.823456" in commits[0]["files"]["metrics.json"]
    card = ModelCard(hub.files("anna/people")["README.md"].decode())
    assert card.data.license == "mit"  # as it was stated
    assert [each.metric_value for each in card.data.eval_results] == [50.0, 93.46]


def test_a_public_repository_is_not_taken_for_a_private_one(hub):
    hub.repositories["anna/people"] = {"private": False, "commits": [], "head": "0" * 40}
    files = [Upload("a.json", b"{}")]
    with pytest.raises(InputError, match="nothing was uploaded, since it is public; add --public"):
        upload(files, "anna/people", False, "a message")
    assert not hub.repositories["anna/people"]["commits"]
    upload(files, "anna/people", True, "a message")
    assert hub.files("anna/people") == {"a.json": b"{}"}


def test_a_path_of_this_machine_is_refused(made, run, hub, capsys):
    assert push(run.path, "anna/people") == 0
    capsys.readouterr()
    place = f"{made.path.parent}/Market"
    run.card.write_text(run.card.read_text() + f"\nTrained on {place}.\n")
    assert f"README.md: tells {place}, a path of this machine" in fails(capsys, run.path, "anna/people")
    assert len(hub.repositories["anna/people"]["commits"]) == 1


@pytest.mark.parametrize(
    ("repo", "message"),
    [
        ("people", "names no owner; write OWNER/people"),
        ("a/b/c", "is no name of a repository"),
        ("a/b c", "is no name"),
    ],
)
def test_wrong_names(run, hub, capsys, repo, message):
    assert message in fails(capsys, run.path, repo) and not hub.requests


def test_what_is_no_finished_run(run, hub, tmp_path, capsys):
    for option, message in (
        ("--license=My Own", "write the hub's name for it"),
        ("--token=x", "there is no option --token"),
    ):
        assert message in fails(capsys, run.path, "anna/people", option)
    assert "is not a run folder (there is no such folder)" in fails(capsys, tmp_path / "none", "anna/people")
    run.metrics.write_text("{")
    assert "metrics.json: damaged; iaunet evaluate" in fails(capsys, run.path, "anna/people")
    run.metrics.unlink()
    with claim(run):
        assert "another process is training or evaluating" in fails(capsys, run.path, "anna/people")
    run.model.unlink()
    assert "contains no final model (model.keras); finish the run" in fails(capsys, run.path, "anna/people")
    folds = make_run(tmp_path / "folds", reid("ilids_vid", data__fold="all"))
    assert "holds a run for each fold" in fails(capsys, folds.path, "anna/people")
    assert not hub.requests


def test_a_changed_network_is_not_sent_with_old_thresholds(run, hub, capsys):
    with run.model.open("ab") as file:
        file.write(b"more")
    assert "of another network than model.keras" in fails(capsys, run.path, "anna/people") and not hub.requests


@pytest.mark.parametrize(
    ("part", "status", "message"),
    [
        ("repos/create", 401, "the hub does not know the token"),
        ("repos/create", 500, "the hub is out of order (it answers 500)"),
        ("repos/create", 429, "the hub refuses it"),
        ("preupload", 403, "the token may not write there"),
        ("/lfs/", 403, "the token may not write there"),
        ("/commit/", 403, "the token may not write there"),
        ("/commit/", 500, "out of order"),
    ],
)
def test_failures_of_the_hub(hub, capfd, part, status, message):
    hub.fails[part] = status
    files = [Upload("a.json", b"{}"), Upload("model.keras", bytes(10_000))]
    with pytest.raises(InputError, match=r"^anna/people: nothing was uploaded; ") as error:
        upload(files, "anna/people", False, "a message")
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not hub.repositories.get("anna/people", {"commits": []})["commits"]
    assert capfd.readouterr() == ("", "")


def test_who_may_not(run, hub, capsys, monkeypatch):
    for token, message in (
        (MAY_READ, r"not write there \(You have read access"),
        ("hf_wrong", "does not know the token"),
    ):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(InputError, match=message):
            upload([Upload("a.json", b"{}")], "anna/people", False, "a message")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(run.path / "none"))
    assert "not logged in to the Hugging Face hub; do it by hf auth login" in fails(capsys, run.path, "anna/people")


def test_a_licence_that_the_hub_does_not_know(run, hub, capsys):
    line = fails(capsys, run.path, "anna/people", "--license=beerware")
    assert 'nothing was uploaded; the hub refuses it ("license" must be one of apache-2.0' in line
    assert not hub.repositories["anna/people"]["commits"]


def test_no_network(hub, monkeypatch):
    files = [Upload("a.json", b"{}")]
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"nothing was uploaded; the hub cannot be reached \(Connect\w*Error\)"):
        upload(files, "anna/people", False, "a message")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "nothing was uploaded; HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "nothing was uploaded; the hub cannot be reached (ConnectError)"),
    ],
)
def test_no_network_by_the_environment(run, environment, message):
    command = [sys.executable, "-m", "iaunet_tf", "push", str(run.path), "anna/people"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HF_TOKEN": "hf_any", **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_network_comes_back_at_a_fixed_revision(run, hub, capsys):
    assert push(run.path, "anna/people") == 0
    first = hub.repositories["anna/people"]["head"]
    capsys.readouterr()
    path = fetch_network("hf://anna/people")
    assert capsys.readouterr().out == f"hf://anna/people: revision {first}\n"
    assert path.name == "model.keras" and path.read_bytes() == run.model.read_bytes()
    assert path.with_name("model.keras.thresholds.json").is_file()
    assert fetch_network(f"hf://anna/people@{first}") == path
    hub.fails["/"] = 500  # once it is in the cache, the hub is not needed
    assert fetch_network(f"hf://anna/people@{first}") == path


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://people", "is not of the form hf://OWNER/NAME"),
        ("hf://anna/../x", "is not of the form"),
        ("hf://anna/none", "cannot be had from the Hugging Face hub (RepositoryNotFoundError"),
        ("hf://anna/people@nowhere", "cannot be had from the Hugging Face hub (RevisionNotFoundError"),
    ],
)
def test_networks_that_are_not_on_the_hub(hub, address, message):
    upload([Upload("model.keras", b"anything")], "anna/people", False, "a message")
    with pytest.raises(InputError, match=re.escape(message)) as error:
        fetch_network(address)
    assert "\n" not in str(error.value)
