"""The rooms import only what lies upstream of them, and no import is hidden in a function to get round that.

A room's `__main__.py` is a command, where rooms meet: it is wiring, as the modules at the top are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import lkca_exp

PACKAGE = Path(lkca_exp.__file__).parent
ORDER = ["config", "runs", "data", "augment", "batches", "models", "training"]
ALLOWED = {room: set(ORDER[:place]) for place, room in enumerate(ORDER)} | {"report": {"runs"}}
WIRING = {"content", "execute", "train", "rerun", "evaluate", "task", "sweep", "__main__"}
"""What stands at the top, where rooms meet; `bench` may use it and every room but `report`."""


def imports(file: Path) -> list[tuple[str, bool]]:
    """(top-level name below lkca_exp, whether it stands inside a function) of every import of the package."""
    tree = ast.parse(file.read_text())
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module] if node.module != "lkca_exp" else [f"lkca_exp.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file}: relative import"
        found += [(n.split(".")[1], id(node) in inside) for n in names if n.startswith("lkca_exp.")]
    return found


def files(room: str) -> list[Path]:
    return [file for file in sorted((PACKAGE / room).rglob("*.py")) if file != PACKAGE / room / "__main__.py"]


@pytest.mark.parametrize("room", [*ORDER, "report"])
def test_a_room_imports_only_rooms_upstream(room):
    assert files(room)
    for file in files(room):
        for target, hidden in imports(file):
            assert target == room or target in ALLOWED[room], f"{file.relative_to(PACKAGE)} imports {target}"
            assert not hidden, f"{file.relative_to(PACKAGE)} imports {target} inside a function"


@pytest.mark.parametrize("room", ["analysis", "bench"])
def test_what_looks_from_outside_imports_all_but_the_report(room):
    for file in files(room):
        for target, hidden in imports(file):
            assert target in {*ORDER, *WIRING, room}, f"{file.name} imports {target}"
            assert not hidden


def test_what_is_written_of_a_study_is_the_sweeps_and_the_reports():
    """It says what jobs there are and what came of them, and nothing imports it."""
    assert {target for file in files("study") for target, _ in imports(file)} == {
        "config",
        "report",
        "runs",
        "study",
        "sweep",
    }
    others = [file for file in PACKAGE.rglob("*.py") if file.parent.name != "study"]
    assert not [file for file in others for target, _ in imports(file) if target == "study"]


def test_a_command_imports_rooms_and_wiring():
    """What is heavy may be hidden in a function, so that a mistake is answered without it."""
    commands = {file.parent.name: {target for target, _ in imports(file)} for file in PACKAGE.glob("*/__main__.py")}
    assert {"data", "runs", "report", "bench"} <= commands.keys()
    assert commands["data"] <= {*ORDER, *WIRING}
    assert commands["runs"] <= {*ORDER, *WIRING}
    assert commands["report"] <= {"report"}
    assert commands["study"] <= {"config", "study"}


def test_every_room_is_known():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in ("__pycache__", "conf")}
    assert rooms == {*ORDER, "report", "analysis", "bench", "sweep", "study"}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*WIRING, "__init__"} - rooms


def test_the_wiring_hides_only_what_is_heavy():
    """`report` brings scipy, the sweep's `optuna` Optuna, `content` numpy, the others torch: a command answers
    without them."""
    modules = [file for name in WIRING for file in (PACKAGE / f"{name}.py", *(PACKAGE / name).glob("*.py"))]
    hidden = {(f.stem, target) for f in modules if f.exists() for target, inside in imports(f) if inside}
    assert hidden == {
        ("content", "data"),
        ("task", "train"),
        ("rerun", "train"),
        ("rerun", "training"),
        ("evaluate", "data"),
        ("evaluate", "execute"),
        ("evaluate", "training"),
        ("summary", "report"),
        ("callback", "sweep"),
    }
