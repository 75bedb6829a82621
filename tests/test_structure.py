"""The structure that the README promises."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "iaunet_tf"


def modules():
    """Names of all modules and their files."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, known):
    """Modules of the package that a file imports, inside functions as well, but for those that are read for types."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def test_imports_go_one_way():
    known = modules()
    graph = {name: set(imports(path, known)) for name, path in known.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(known)


def test_nothing_imports_what_stands_on_it():
    known = modules()
    lower = ("data", "layers", "models", "losses", "distribution", "weights", "inference", "config")
    upper = ("training", "tasks", "evaluation", "exporting", "report", "gallery", "video", "serving", "commands")
    for name, path in known.items():
        if name.split(".")[1:2] and name.split(".")[1] in lower:
            above = {other for other in imports(path, known) if other.split(".")[1:2] and other.split(".")[1] in upper}
            assert not above, name


def test_files_are_small():
    for path in (*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")):
        assert len(path.read_text().splitlines()) <= 300, path
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
