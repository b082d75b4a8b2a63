"""What the Markdown pages name exists, and who follows a page arrives.

In pages that are followed, a block after a line that ends in "`FILE`:" is that file, a diff is a change of the files
that it names, and the commands are run in the order of the page; training is cut to two batches.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lkca_exp.config.refusals import GROUPS, known_keys
from tests.conftest import environment

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/**/*.md")]
FOLLOWED = ("data_set", "launcher", "logger", "mixer", "own_images", "report", "reproduce", "study")
AFTER_MAKE_RUN = ("report", "reproduce")
"""Those that are followed twice: in a new folder, and where `make run` has been."""
FILES = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PRELUDE = f"""set -euo pipefail
PATH={Path(sys.executable).parent}:$PATH
python() {{
    case "$*" in
        "-m lkca_exp "*--cfg*) ;;
        "-m lkca_exp "*logger=*) set -- "$@" epochs=1 ;;
        "-m lkca_exp "*) set -- "$@" epochs=1 logger=none ;;
    esac
    {sys.executable} "$@"
}}
"""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> set[str]:
    """The words in backquotes and the words of the commands."""
    commands = " ".join(block for kind, block in BLOCKS.findall(text(page)) if kind == "sh")
    return {*re.findall(r"`([^`\n]+)`", BLOCKS.sub("", text(page))), *commands.split()}


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings."""
    headings = re.findall(r"^#+ (.+)$", BLOCKS.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request) -> Path:
    return request.param


def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text(page)):
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_files_that_are_named_exist(page):
    made = {file for file, _ in FILES.findall(text(page))}
    rooms = r"(?:lkca_exp|conf|tests|docs|hydra_plugins|\.ci)/[\w./*-]+"
    for word in named(page):
        if re.fullmatch(rooms, word) and word not in made and not re.search("[A-Z]{4}", word):
            assert list(ROOT.glob(word.rstrip("/"))), word


def test_modules_and_targets_that_are_named_exist(page):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for module in re.findall(r"python -m ([\w.]+)", text(page)):
        assert importlib.util.find_spec(module), module
    for target in re.findall(r"^make ([\w-]+)|`make ([\w-]+)", text(page), re.MULTILINE):
        assert "".join(target) in targets, target


def test_keys_that_are_named_exist(page):
    for word in named(page):
        key = re.match(r"'?([a-z_]+(?:\.[a-z_0-9]+)+)=", word)
        if key and key[1].partition(".")[0] in GROUPS and not key[1].startswith("model.options."):
            assert key[1] in known_keys() or key[1] == "model.mixer.distance", word


def test_a_shell_takes_the_commands(page):
    for kind, block in BLOCKS.findall(text(page)):
        if kind == "sh":
            done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def changed(before: str, hunk: str) -> str:
    """`before` with the lines of a hunk, which it holds once, changed. What is cut off within a line is context too."""
    lines = hunk.strip("\n").splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    assert before.count(old) == 1, f"{before.count(old)} times:\n{old}"
    return before.replace(old, new)


@pytest.fixture
def tree(tmp_path) -> Path:
    """A copy of what a change may touch."""
    for name in ("lkca_exp", "conf", "hydra_plugins", "tests", "docs", "experiments"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before"),
    [
        *((name, "") for name in FOLLOWED),
        *((name, "python -m lkca_exp -m +experiment=digits_scarce") for name in AFTER_MAKE_RUN),
    ],
)
def test_who_follows_a_page_arrives(name, before, tree):
    shell(before, tree)
    page = text(ROOT / "docs" / f"{name}.md")
    for file, content in FILES.findall(page):
        (tree / file).write_text(content)
    for kind, block in BLOCKS.findall(page):
        if kind == "diff":
            for file, hunks in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", block, re.DOTALL | re.MULTILINE):
                for hunk in hunks.split("@@\n"):
                    (tree / file).write_text(changed((tree / file).read_text(), hunk))
        if kind == "sh":
            shell(block, tree)
    if name == "data_set":  # and again, with a pack there
        for kind, block in BLOCKS.findall(page):
            if kind == "sh":
                shell(block, tree)


def shell(commands: str, tree: Path) -> None:
    """Run commands of a page, with the package in `tree`."""
    where = environment(PYTHONPATH=str(tree), TRACKIO_DIR=str(tree / "trackio"))
    done = subprocess.run(["bash", "-c", PRELUDE + commands], cwd=tree, env=where, capture_output=True, text=True)
    assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
def test_the_programs_of_the_page_for_python_run(tmp_path):
    blocks = BLOCKS.findall(text(ROOT / "docs" / "python.md"))
    commands = "".join(block for kind, block in blocks if kind == "sh")
    program = "".join(block for kind, block in blocks if kind == "python")
    options = {"cwd": tmp_path, "env": environment(), "capture_output": True, "text": True}
    done = subprocess.run(["bash", "-c", PRELUDE + commands], **options)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-c", program], **options)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout


@pytest.mark.slow
def test_the_cells_of_the_notebook_run(tmp_path):
    cells = json.loads((ROOT / "docs" / "trained_run.ipynb").read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    commands = [source.removeprefix("!") for source in sources if source.startswith("!")]
    program = "\n".join(source for source in sources if not source.startswith("!"))
    options = {"cwd": tmp_path, "env": environment(), "capture_output": True, "text": True}
    done = subprocess.run(["bash", "-c", PRELUDE + "\n".join(commands)], **options)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-c", program + "\ndrawn.save('kernels.png')"], **options)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
    assert (tmp_path / "kernels.png").exists()
