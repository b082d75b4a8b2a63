"""`make compare` finds what changes a number, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compare import CASES, ROOT, difference
from tests.conftest import environment

ROWS = [{"step": 6, "train/loss": 2.0, "val/top1": 0.0}, {"step": 12, "train/loss": 1.0, "val/top1": 0.5}]
FINAL = {"step": 12, "test/loss": 1.5}


def test_the_same_is_the_same():
    assert difference([*ROWS, FINAL], [*ROWS, FINAL]) == ""


def test_the_first_number_that_differs_is_told():
    now = [ROWS[0], {"step": 12, "train/loss": 1.0000000000000002, "val/top1": 0.6}, FINAL]
    output = "differs in epoch 1 (step 12): train/loss was 1.0, is 1.0000000000000002, by 2.2e-16 of it"
    assert difference([*ROWS, FINAL], now) == output


def test_what_was_zero_has_no_share():
    now = [ROWS[0] | {"val/top1": 0.25}, ROWS[1], FINAL]
    assert difference([*ROWS, FINAL], now) == "differs in epoch 0 (step 6): val/top1 was 0.0, is 0.25"


def test_the_test_counts():
    output = "differs in the final metrics: test/loss was 1.5, is 3.0, by 1.0e+00 of it"
    assert difference([*ROWS, FINAL], [*ROWS, FINAL | {"test/loss": 3.0}]) == output


def test_a_new_metric_changes_no_number():
    assert difference([*ROWS, FINAL], [*ROWS, FINAL | {"test/f1": 0.5}]) == ""


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.compare", *args]
    return subprocess.run(command, cwd=cwd, env=environment(PYTHONPATH=str(cwd)), capture_output=True, text=True)


needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")


@needs_git
def test_a_commit_that_git_does_not_know(tmp_path):
    done = run("nonsense", cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("lkca_exp: REF=nonsense\n  fatal: ")


@needs_git
@pytest.mark.slow
def test_another_rounding_is_found(tmp_path):
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], check=True)
    mlp = tmp_path / "clone" / "lkca_exp" / "models" / "layers" / "mlp.py"
    before = mlp.read_text()
    assert "F.gelu(self.expand(tokens))" in before
    done = run("HEAD", cwd=tmp_path / "clone")
    assert (done.returncode, done.stdout.count("the same, bit for bit")) == (0, len(CASES)), done.stderr
    mlp.write_text(before.replace("F.gelu(self.expand(tokens))", "F.gelu(self.expand(tokens)) * 3 / 3"))
    done = run("HEAD", cwd=tmp_path / "clone")
    assert (done.returncode, done.stdout.count(" differs in epoch ")) == (1, len(CASES)), done.stdout
