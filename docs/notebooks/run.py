"""Runs the notebooks of this folder and keeps what they show.

    python docs/notebooks/run.py                           # all, in place
    python docs/notebooks/run.py clips EPOCHS=3            # one, with another setting than its own

Settings stand in the cell that is tagged `parameters`; those that are given replace them for this run, and the cell
stays as it is. Files that notebooks write go to a new folder, or to that of --folder. What is kept is the same wherever
it was run: no paths of the machine, no times, no progress bars. Warnings, and anything else on standard error, are
refused.
"""

import argparse
import base64
import io
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x08")
BAR = re.compile(r"\d+%\|.*\||\d+it \[")  # of tqdm
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute(path: Path, folder: Path, settings: Mapping[str, object] | None = None) -> nbformat.NotebookNode:
    """Runs a notebook in a folder with some settings, and returns it with clean outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
        ValueError: there is no such setting, or there are warnings in the output.
    """
    notebook = nbformat.read(path, 4)
    (cell,) = [each for each in notebook.cells if "parameters" in each.metadata.get("tags", ())]
    source = cell.source
    for name, value in (settings or {}).items():
        cell.source, count = re.subn(rf"(?m)^{name} = [^#\n]*", lambda _: f"{name} = {value!r}  ", cell.source)  # noqa: B023
        if count != 1:
            raise ValueError(f"{path.name}: has no setting {name}")
    client = NotebookClient(notebook, timeout=1800, record_timing=False, resources={"metadata": {"path": str(folder)}})
    client.execute()
    cell.source = source
    return clean(notebook, folder)


def clean(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Leaves of a notebook's outputs what belongs to its reader."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {})
        if cell.cell_type != "code":
            continue
        outputs, streams = [], {}
        for output in cell.outputs:
            if "image/png" in output.get("data", ()):
                output.data = nbformat.from_dict({"image/png": smaller(output.data["image/png"])})
                output.metadata = nbformat.from_dict({})
            if output.output_type == "stream":
                if output.name in streams:
                    streams[output.name].text += output.text
                    continue
                streams[output.name] = output
            elif any("widget" in kind for kind in output.get("data", ())):  # a progress bar
                continue
            outputs.append(output)
        for stream in streams.values():
            stream.text = settled(stream.text).replace(f"{folder.resolve()}/", "")
            if (stream.name == "stderr" and stream.text.strip()) or "WARNING:" in stream.text:
                raise ValueError(f"not for readers: {stream.text.strip()[:2000]}")
        cell.outputs = [each for each in outputs if each.get("text", True) and each.get("name") != "stderr"]
    return notebook


def smaller(png: str) -> str:
    """A picture in base64 in 256 colours, which is less than half of its size."""
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(256).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def settled(text: str) -> str:
    """What stands in a terminal at the end, without progress bars."""
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in ANSI.sub("", text).split("\n"))
    return "\n".join(line for line in lines if not BAR.search(line))


def main() -> None:
    """Runs the notebooks that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="NOTEBOOK|SETTING=VALUE", help="by default all notebooks")
    parser.add_argument("--folder", help="where to run; by default a new folder for each, which is then removed")
    options = parser.parse_args()
    settings, names = {}, []
    for word in options.words:
        name, equals, value = word.partition("=")
        if equals:
            try:
                settings[name] = json.loads(value)
            except ValueError:
                settings[name] = value
        else:
            names.append(name)
    for path in [HERE / f"{Path(name).stem}.ipynb" for name in names] or sorted(HERE.glob("*.ipynb")):
        print(path.name, flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            notebook = execute(path, Path(options.folder or temporary), settings)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
