"""Checkpoints that are damaged, of another run or gone: reported, and the run ends as one left alone, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.files import NoSpaceError
from lkca_exp.runs.record import Record, read
from lkca_exp.runs.run import Run
from lkca_exp.training.checkpoints import CheckpointFiles
from tests.conftest import environment
from tests.interrupted import stop_after

RESULTS = ("metrics.jsonl", "weights.safetensors", "predictions.npz")
NAMES = ("last.ckpt", "before_last.ckpt")


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, bytes]:
    """The files of a run that was left alone."""
    return results(trained(tmp_path_factory.mktemp("alone")))


@pytest.fixture
def stopped(tmp_path, monkeypatch) -> Run:
    """A run that was interrupted after the third of its four epochs."""
    return stop(tmp_path)


def tiny(root: Path, *overrides: str) -> Run:
    from lkca_exp.config.job import compose
    from tests.conftest import TINY

    return run_of(compose([*TINY, "epochs=4", "model.drop_path=0.2", f"paths.runs={root}", *overrides]))


def trained(root: Path, *overrides: str) -> Path:
    run = tiny(root, *overrides)
    train(run)
    return run.directory


def stop(root: Path, *overrides: str, epochs: int = 3) -> Run:
    run = tiny(root, *overrides)
    stop_after(run, epochs)
    return run


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def flip(path: Path) -> None:
    """A byte of a tensor, which torch does not notice."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rewrite(path: Path) -> None:
    """Whole, but not by us."""
    torch.save(torch.load(path, weights_only=True), path)


def test_torch_reads_a_checkpoint_as_any_other(stopped):
    for epoch, name in zip((3, 2), NAMES, strict=True):
        state = torch.load(stopped.directory / "checkpoints" / name, weights_only=True)
        assert len(state["callbacks"]["EpochEnd"]["rows"]) == epoch


@pytest.mark.parametrize("damage", [flip, cut, empty, rewrite, Path.unlink])
@pytest.mark.parametrize("damaged", [1, 2])
def test_the_one_before_a_damaged_checkpoint_is_used_or_none(stopped, alone, caplog, damage, damaged):
    paths = [stopped.directory / "checkpoints" / name for name in NAMES[:damaged]]
    for path in paths:
        damage(path)
    continued(stopped, alone, from_epoch=2 if damaged == 1 else 0)
    reported = [str(path) for path in paths if any(str(path) in message for message in caplog.messages)]
    assert reported == ([] if damage is Path.unlink else [str(path) for path in paths])


def test_a_checkpoint_of_another_run_is_not_used(stopped, alone, tmp_path, monkeypatch):
    other = stop(tmp_path / "other", "seed=1")
    for name in NAMES:
        (other.directory / "checkpoints" / name).replace(stopped.directory / "checkpoints" / name)
    continued(stopped, alone, from_epoch=0)


@pytest.mark.parametrize("content", ["", '{"epoch": 0, "train/loss": 1.0}\n', "{\n", None])
def test_rows_come_from_the_checkpoint(stopped, alone, content):
    rows = stopped.directory / "metrics.jsonl"
    rows.unlink() if content is None else rows.write_text(content)
    continued(stopped, alone, from_epoch=3)


def continued(run: Run, alone: dict[str, bytes], from_epoch: int) -> None:
    train(run)
    record = read(run.directory)
    assert isinstance(record, Record)
    assert record.attempts[-1].from_epoch == from_epoch
    assert results(run.directory) == alone


def test_a_full_disk_is_said_as_such(tmp_path, monkeypatch):
    """torch says "unexpected pos 64 vs 0"."""
    full, opened = Path("/dev/full"), Path.open
    if not full.exists():
        pytest.skip("no device that is always full")
    monkeypatch.setattr(Path, "open", lambda path, mode="r": opened(full if mode == "wb" else path, mode))
    with pytest.raises(NoSpaceError, match="no space left on /"):
        CheckpointFiles("id").save_checkpoint({"weights": torch.zeros(1000)}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


INTERRUPTED = """
import random, signal, sys
from pathlib import Path

import torch
from lkca_exp.training.checkpoints import CheckpointFiles, recover

last, draw = Path(sys.argv[1]) / "last.ckpt", random.Random(0)
signal.signal(signal.SIGALRM, signal.default_int_handler)


def save(number):
    rows = [{"epoch": epoch} for epoch in range(number)]
    weights = {str(layer): torch.zeros(100) for layer in range(100)}
    CheckpointFiles("id").save_checkpoint({"callbacks": {"EpochEnd": {"rows": rows}}, "weights": weights}, last)


save(0)
saved = interrupted = 0
for number in range(1, 121):
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, 0.004))
        save(number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        saved = number
    except KeyboardInterrupt:
        interrupted += 1
    kept = len(recover(last.parent, "id"))
    assert kept in (saved, number)
    saved = kept
print(interrupted)
"""


def test_an_interrupt_at_any_moment_leaves_a_checkpoint(tmp_path):
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_disk_holds_two_checkpoints_at_most(tmp_path, monkeypatch):
    save, seen = CheckpointFiles.save_checkpoint, []

    def save_and_count(files, checkpoint, path, storage_options=None):
        save(files, checkpoint, path)
        seen.append(sorted(file.name for file in path.parent.iterdir()))

    monkeypatch.setattr(CheckpointFiles, "save_checkpoint", save_and_count)
    trained(tmp_path)
    assert seen == [["last.ckpt"], *[sorted(NAMES)] * 3]
