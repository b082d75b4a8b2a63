"""The rooms of the house: each imports only those to its left, and nothing imports in a circle.

An import inside a function counts as any other: it may put off what is heavy, but not get round the order."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import lkca_exp

PACKAGE = Path(lkca_exp.__file__).parent
HOUSE = ["config", "runs", "data", "augment", "batches", "models", "training", "engine", "sweep"]
ALLOWED = {room: set(HOUSE[: place + 1]) for place, room in enumerate(HOUSE)} | {
    "report": {"config", "runs", "report"},
    "study": {"config", "runs", "sweep", "report", "study"},
    "analysis": {*HOUSE, "analysis"},
    "bench": {*HOUSE, "bench"},
    "cli": {*HOUSE, "report", "study", "analysis", "bench", "cli"},
}
ALLOWED["sweep"].add("report")  # a sweep ends with its comparison
PICTURE = f"""
The rooms, each of which imports only those to its left:
    {" > ".join(HOUSE)}
report imports config and runs; study also sweep and report; analysis and bench all of the house; cli everything."""

FRONT_DOORS = [PACKAGE / "__main__.py", PACKAGE / "evaluate.py", *sorted(PACKAGE.glob("*/__main__.py"))]
FILES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


def imports(file: Path) -> set[str]:
    """The modules of the package that a file imports, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            assert node.module
            modules |= {module(f"{node.module}.{alias.name}") or module(node.module) for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {module(alias.name) for alias in node.names}
    return {name for name in modules if name}


def module(name: str) -> str:
    """The name, if it is that of a module of the package; else nothing."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    is_ours = name.startswith("lkca_exp.") and (place.with_suffix(".py").is_file() or (place / "__init__.py").is_file())
    return name if is_ours else ""


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_rooms_to_its_left(room):
    files = [file for file in FILES if file.is_relative_to(PACKAGE / room) and file not in FRONT_DOORS]
    assert files
    for file in files:
        for name in imports(file):
            assert name.split(".")[1] in ALLOWED[room], f"{file.relative_to(PACKAGE)} imports {name}\n{PICTURE}"


def test_nothing_imports_in_a_circle():
    TopologicalSorter({name_of(file): imports(file) - {name_of(file)} for file in FILES}).prepare()


@pytest.mark.parametrize("file", FRONT_DOORS, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_front_door_only_calls_its_command(file):
    body = [node for node in ast.parse(file.read_text()).body if ast.unparse(node) != "import sys"]
    assert [type(node) for node in body] == [ast.ImportFrom, ast.If], PICTURE
    command = "train" if file.parent == PACKAGE and file.stem == "__main__" else name_of(file).split(".")[1]
    assert ast.unparse(body[0]) == f"from lkca_exp.cli.{command} import main"
    assert ast.unparse(body[1]) in (
        "if __name__ == '__main__':\n    main()",
        "if __name__ == '__main__':\n    sys.exit(main())",
    )


def test_every_file_is_in_a_room():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in ("__pycache__", "conf")}
    assert rooms == ALLOWED.keys(), PICTURE
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", "evaluate", "timm_models"}
