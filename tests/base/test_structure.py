"""The structure that CONTRIBUTING.md describes: folders, imports, errors."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# each may import those after it, and nothing before it
ORDER = (
    ("train", "evaluate", "detect", "compare", "graft", "export"),
    ("comparison", "exporting"),
    ("training",),
    ("inference",),
    ("data", "models"),
    ("reports",),
    ("evaluation",),
    ("ssd_utils",),
    ("base",),
)
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}
# data and models know neither each other nor what people look at
NEVER = {"data": {"reports"}, "models": {"reports"}}
MOST_FILES = 13  # of code in one folder, besides its __init__.py


def modules():
    """Paths of the product's modules, relative to the repository."""
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    folders -= {"tests", "benchmarks"}
    files = [path for name in folders for path in (ROOT / name).rglob("*.py")]
    return sorted(p.relative_to(ROOT) for p in [*files, *ROOT.glob("*.py")])


def name_of(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path, at_import_only=False):
    """Modules of the product that a file imports."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    nodes = tree.body if at_import_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = {name_of(path) for path in modules()}
    found = set()
    for name in names:
        while name and name not in known:
            name = name.rpartition(".")[0]
        found |= {name} - {""}
    return found


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_go_one_way(path):
    own = name_of(path).split(".")[0]
    for name in imported(path):
        other = name.split(".")[0]
        is_allowed = RANKS[own] < RANKS[other] and other not in NEVER.get(own, ())
        assert other == own or is_allowed, f"{path} imports {name}"


def test_no_file_imports_itself_by_others():
    graph = {name_of(path): imported(path, True) for path in modules()}
    done = set()

    def visit(name, way):
        assert name not in way, " -> ".join([*way, name])
        if name not in done:
            # a package is imported before what is in it: its own parts are no circle
            for other in graph.get(name, ()):
                if not name.startswith(f"{other}."):
                    visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_folder_is_a_drawer():
    found = ROOT.glob("benchmarks/**/*.py")
    paths = [*modules(), *(path.relative_to(ROOT) for path in found)]
    counts = Counter(path.parent for path in paths if path.name != "__init__.py")
    counts.pop(Path())
    assert {str(f): n for f, n in counts.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize("path", modules(), ids=str)
def test_users_mistakes_are_a_class_of_their_own(path):
    raised = [
        node.lineno
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Raise) and "'ValueError'" in ast.dump(node)
    ]
    assert raised == [], f"{path}: raise base.errors.UserError"
