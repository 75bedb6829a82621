"""The notebooks in docs/notebooks: what is stored of them, and that they run."""

import ast
import importlib.util
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Small settings, with which a notebook runs, but for an untrained network's figures, as with its own.
SETTINGS = {
    "clips": {"PEOPLE": 9, "EPOCHS": 1},
    "first_search": {"PEOPLE": 12, "EPOCHS": 1},
    "iau_blocks_with_fit": {"PEOPLE": 12, "EPOCHS": 1},
    "own_images": {"PEOPLE": 16, "EPOCHS": 1},
    "pytorch_to_litert": {"PEOPLE": 8},
}
MACHINE = re.compile(r"(?<![\w.])/(tmp|home|root|work|usr|opt|mnt|var|Users)/|[A-Z]:\\|site-packages")

every = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def run():
    """docs/notebooks/run.py as a module."""
    for package in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("run_notebooks", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook, [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def test_there_are_settings_for_each():
    assert [path.stem for path in NOTEBOOKS] == sorted(SETTINGS)


@every
def test_is_valid(path):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(path, 4))


@every
def test_was_run_from_top_to_bottom(path):
    _, cells = read(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())] == cells[:1]


@every
def test_outputs_are_for_readers(path):
    notebook, cells = read(path)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", ()) for output in outputs)
    for output in outputs:
        assert output["output_type"] in ("stream", "display_data")
        text = "".join(output.get("text", ()))
        assert output.get("name") != "stderr" and "WARNING" not in text and not {"\r", "\x1b", "\x08"} & set(text)
        assert output["output_type"] == "stream" or set(output["data"]) == {"image/png"}
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    assert not MACHINE.search(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 400_000


@every
def test_imports_exist(path):
    _, cells = read(path)
    for cell in cells:
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.Import):
                names = [(alias.name, None) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module, alias.name) for alias in node.names]
            else:
                continue
            for module, name in names:
                if module.split(".")[0] == "iaunet_tf":
                    found = importlib.import_module(module)
                    assert name is None or hasattr(found, name), f"{module}.{name}"
                elif importlib.util.find_spec(module.split(".")[0]) is None:
                    pytest.importorskip(module.split(".")[0])


@every
def test_links_lead_somewhere(path):
    notebook, _ = read(path)
    text = "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (FOLDER / target).is_file(), target


@pytest.mark.slow
@every
def test_runs(run, path, tmp_path, monkeypatch):
    for package in ("pymilvus", "ai_edge_litert", "tf2onnx"):
        pytest.importorskip(package)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # what may be downloaded is not
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parents[1]))
    notebook = run.execute(path, tmp_path, SETTINGS[path.stem])
    stored, _ = read(path)
    assert [cell.source for cell in notebook.cells] == [source(cell) for cell in stored["cells"]]
    text = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert str(tmp_path) not in text and "WARNING" not in text


@pytest.mark.parametrize(
    "text, settled",
    [
        ("one\ntwo\n", "one\ntwo\n"),
        ("  0%|          | 0/9\rdone\n", "done\n"),
        ("1/2\x08\x08\x08\r\x1b[1m2/2\x1b[0m end\n", "2/2 end\n"),
        ("drawing: 100%|####| 9/9 [00:01<00:00]\nthere\n", "there\n"),
    ],
)
def test_what_remains_of_a_terminal(run, text, settled):
    assert run.settled(text) == settled


def test_warnings_and_unknown_settings_are_refused(run, tmp_path):
    nbformat = run.nbformat

    def notebook(**stream):
        cell = nbformat.v4.new_code_cell("EPOCHS = 3", metadata={"tags": ["parameters"]})
        cell.outputs = [nbformat.v4.new_output("stream", **stream)]
        return nbformat.v4.new_notebook(cells=[cell])

    kept = run.clean(notebook(name="stdout", text=f"written: {tmp_path}/a.onnx\n"), tmp_path)
    assert kept.cells[0].outputs[0].text == "written: a.onnx\n"
    assert run.clean(notebook(name="stderr", text="embedding: 50%|##  | 1/2\r"), tmp_path).cells[0].outputs == []
    for stream in ({"name": "stderr", "text": "oh\n"}, {"name": "stdout", "text": "WARNING:tensorflow:oh\n"}):
        with pytest.raises(ValueError, match="not for readers"):
            run.clean(notebook(**stream), tmp_path)
    nbformat.write(notebook(name="stdout", text=""), tmp_path / "some.ipynb")
    with pytest.raises(ValueError, match="no setting PEOPLE"):
        run.execute(tmp_path / "some.ipynb", tmp_path, {"PEOPLE": 3})
