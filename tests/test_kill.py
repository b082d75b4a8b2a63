"""A run killed at any moment and started again ends as one left alone, bit for bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY, environment
from tests.test_run import record, run_folder, start_and_stop

RESULTS = ("metrics.jsonl", "weights.safetensors", "predictions.npz")


def kill(how: str, tmp_path: Path, *overrides: str) -> list[dict]:
    """What `tests/killer.py` tells."""
    command = [sys.executable, "-m", "tests.killer", str(tmp_path / how), how, *overrides]
    root = str(Path(__file__).parents[1])
    done = subprocess.run(command, cwd=tmp_path, env=environment(PYTHONPATH=root), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def assert_same(folder: Path, alone: Path) -> None:
    for name in RESULTS:
        assert (folder / name).read_bytes() == (alone / name).read_bytes(), f"{folder}: {name}"


@pytest.mark.slow
def test_killed_while_it_replaces_a_result(tmp_path):
    """That is whole in previous/ then."""
    *killed, before, after = kill("replacing", tmp_path, *TINY, "model.drop_path=0.2")
    assert before["kills"] == after["kills"] == 0, "one move more than there are"
    assert len(killed) >= 2 * 20, "what is set aside, and all that is written"
    for run in killed:
        assert run["kills"] == 1
        folder = Path(run["folder"])
        for place in (folder, folder / "previous"):
            assert_same(place, Path(after["folder"]))
            assert record(place)["status"] == "finished"


@pytest.mark.slow
def test_killed_at_every_write_before_and_after_the_file_is_in_place(tmp_path):
    *killed, before, after = kill("writes", tmp_path, *TINY, "optim.ema_decay=0.9", "model.drop_path=0.2")
    assert before["kills"] == after["kills"] == 0, "one write more than there are"
    assert len(killed) >= 2 * 10, "record, config, rows, checkpoints, predictions, weights"
    for run in killed:
        assert run["kills"] == 1
        assert_same(Path(run["folder"]), Path(after["folder"]))
        later = record(Path(run["folder"]))["attempts"][1:]
        assert all(attempt["from_epoch"] >= run["rows"] - 1 for attempt in later), "repeats an epoch at most"


@pytest.mark.slow
def test_killed_at_random_moments_until_it_is_done(cli, tmp_path):
    args = [*TINY, "epochs=150", "augment=trivial"]
    (run,) = kill("moments", tmp_path, *args)
    assert run["kills"] >= 5
    assert all(attempt["ended"] is None for attempt in record(Path(run["folder"]))["attempts"][:-1])
    assert cli(*args).returncode == 0
    assert_same(Path(run["folder"]), run_folder(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_ends_cleanly_and_goes_on_later(how, cli, tmp_path):
    args = [*TINY, "epochs=40", "data.fraction=1"]
    assert start_and_stop(tmp_path, args, 3, how) == 130
    folder = run_folder(tmp_path)
    assert record(folder)["status"] == "interrupted"
    assert record(folder)["attempts"][0]["ended"] is not None
    assert not list(folder.glob(".*.tmp"))
    assert cli(*args).returncode == 0
    assert [attempt["status"] for attempt in record(folder)["attempts"]] == ["interrupted", "finished"]
