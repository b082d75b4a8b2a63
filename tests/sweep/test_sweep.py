"""Sweeps from the command line: what fails, what is started twice, what is cut off."""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lkca_exp.runs.record import read, write
from lkca_exp.runs.state import State, run_state
from lkca_exp.runs.sweeps import read_sweeps
from lkca_exp.sweep.sweeper import at_most, open_journal
from tests.conftest import TINY, environment, one_after_the_other

DIVERGES = ["optim.clip_norm=null", "optim.warmup_epochs=0", "optim.lr=1e30"]


def records(tmp_path: Path, study: str = "default") -> list[dict]:
    files = sorted((tmp_path / "runs" / study).glob("*/run.json"))
    return sorted((json.loads(file.read_text()) for file in files), key=lambda record: record["timings"]["started"])


def statuses(tmp_path: Path) -> list[str]:
    return [record["status"] for record in records(tmp_path)]


def start(tmp_path: Path, *args: str, **kwargs) -> subprocess.Popen:
    command = [sys.executable, "-m", "lkca_exp", *one_after_the_other(args)]
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs
    )


def wait_for(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_failure_is_shown_at_once_and_the_rest_goes_on(in_process, tmp_path):
    args = ["-m", *TINY, *DIVERGES[:2], "seed=0,1", "optim.lr=1e-3,1e30,2e-3"]
    done = in_process(*args)
    assert done.returncode == 1
    assert statuses(tmp_path) == ["finished", "failed", "finished"] * 2
    shown = done.stdout.index("Traceback")
    assert shown < done.stdout.index("test top-1", shown), "before the next run ended"
    failed = [record for record in records(tmp_path) if record["status"] == "failed"]
    assert all(re.search(r"at step \d", record["error"]["message"]) for record in failed)
    assert "6 runs: 4 finished, 2 failed" in done.stdout
    assert "FloatingPointError" in done.stdout[done.stdout.index("Runs without a result") :]
    assert "index.html" in done.stdout
    assert "the sweep failed: 2 of 6 runs have no result; the same command tries again" in done.stderr

    again = in_process(*args)
    assert again.returncode == 1
    assert "6 jobs, 4 finished before, 2 to do" in again.stdout
    attempts = Counter((record["status"], len(record["attempts"])) for record in records(tmp_path))
    assert attempts == {("finished", 1): 4, ("failed", 2): 2}


@pytest.mark.parametrize(
    ("words", "expected", "reason"),
    [
        (["on_failure=stop", "optim.lr=1e-3,1e30,2e-3"], ["finished", "failed"], "on_failure=stop, and a run failed"),
        (["optim.lr=1e30,2e30,3e30,1e-3"], ["failed"] * 3, "the first 3 runs failed alike"),
    ],
)
def test_a_sweep_stops_when_it_should(words, expected, reason, in_process, tmp_path):
    done = in_process("-m", *TINY, *DIVERGES[:2], *words)
    assert done.returncode == 1
    assert statuses(tmp_path) == expected
    assert f"The sweep stopped early: {reason}." in done.stdout
    assert not list((tmp_path / "runs").glob("*/.sweep-*"))


def test_the_journal_of_a_killed_sweep_goes_with_the_next_start_and_that_of_a_living_one_stays(tmp_path):
    with open_journal(tmp_path) as living:
        killed = tmp_path / ".sweep-killed"
        killed.mkdir()
        (killed / ".lock").touch()
        with open_journal(tmp_path) as mine:
            mine.note(None, images=100)
            assert sorted(tmp_path.glob(".*")) == sorted([living.path.parent, mine.path.parent])
        living.note("an error", images=100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_running_out_of_memory_fails_one_run_only(tmp_path):
    """Weights of 1.7 GB, and three times as much for training, in a process that has a GB left once torch is loaded;
    the runs before and after it fit."""
    limit = 11 * 2**29
    args = ["-m", *TINY, "model.width=16,6000,32"]
    process = start(tmp_path, *args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 1, output
    assert statuses(tmp_path) == ["finished", "failed", "finished"]
    assert "allocate" in records(tmp_path)[1]["error"]["message"]


def test_two_processes_share_a_sweep(tmp_path):
    args = ["-m", *TINY, "seed=range(4)", "epochs=12"]
    both = [start(tmp_path, *args) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert statuses(tmp_path) == ["finished"] * 4
    assert all(len(record["attempts"]) == 1 for record in records(tmp_path))
    assert len({record["attempts"][0]["pid"] for record in records(tmp_path)}) == 2, "each did its share"
    assert all("n = 4" in output for output in outputs)


@pytest.mark.slow
def test_a_waiting_process_takes_over_from_one_that_is_killed(tmp_path):
    args = ["-m", *TINY, "seed=0", "epochs=120", "data.fraction=1"]
    first = start(tmp_path, *args)
    wait_for(lambda: list(tmp_path.glob("runs/*/*/metrics.jsonl")))
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/*/metrics.jsonl"))
    second = start(tmp_path, *args)
    for line in second.stdout:
        if "Waiting for 1 runs" in line:
            break
    assert run_state(folder).state is State.RUNNING
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second.communicate(timeout=240)
    assert second.returncode == 0
    (record,) = records(tmp_path)
    assert [attempt["status"] for attempt in record["attempts"]] == ["killed", "finished"]
    assert record["attempts"][1]["from_epoch"] > 0


def test_results_of_other_code_and_other_rules_are_reported(in_process, tmp_path):
    args = ["-m", *TINY, "seed=0,1", "report.baseline=lkca"]
    assert in_process(*args).returncode == 0
    (noted,) = read_sweeps(tmp_path / "runs" / "default")
    assert [name[-12:-9] for name in noted.jobs] == ["-s0", "-s1"]
    assert noted.baseline == "lkca"
    first, second = sorted(path.parent for path in tmp_path.glob("runs/default/*/run.json"))
    write(first, replace(read(first), git={"commit": "f" * 40, "dirty": True}))
    copied = second.with_name("digits-lkca-k7-s1-00000000")
    shutil.copytree(second, copied)
    write(copied, replace(read(second), numerics=0, id="0" * 64))
    again = in_process(*args, COLUMNS="200")
    assert again.returncode == 0
    assert "2 jobs, 2 finished before, 0 to do" in again.stdout
    assert "1 runs were made with other code: ffffffff with changes; this is" in again.stdout
    assert "1 other runs in runs/default have numerics 0, not" in again.stdout


ANOTHER_DISK = """
set -e
mkdir disk
mount -t tmpfs -o {options} none disk
{python} -m lkca_exp -m {args} paths.runs=disk/runs && status=0 || status=$?
test ! -e disk/runs || cp -r disk/runs left
exit $status
"""


def on_another_disk(tmp_path: Path, options: str, args: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a sweep whose records are on a file system mounted so; what is there at the end is copied to `left`."""
    script = ANOTHER_DISK.format(
        options=options, python=sys.executable, args=shlex.join([*args, "hydra/launcher=basic"])
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script]
    return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240)


@pytest.fixture
def may_mount(tmp_path) -> None:
    trial = "mount -t tmpfs -o size=1m none /mnt"
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", trial]).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")


@pytest.mark.slow
@pytest.mark.usefixtures("may_mount")
def test_a_full_disk_is_told_and_earlier_results_stay_whole(tmp_path):
    done = on_another_disk(tmp_path, "size=1500k", [*TINY, "keep=all", "seed=range(12)"])
    assert done.returncode == 1
    assert "no space left on" in done.stdout + done.stderr
    states = [run_state(path) for path in (tmp_path / "left" / "default").iterdir() if path.name.startswith("digits")]
    finished = [one for one in states if one.state is State.FINISHED]
    assert finished
    assert all(one.top1 is not None and (one.folder / "weights.safetensors").exists() for one in finished)
    assert State.DAMAGED not in {one.state for one in states}
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("may_mount")
def test_a_disk_that_may_not_be_written_is_told_before_anything_starts(tmp_path):
    done = on_another_disk(tmp_path, "ro", [*TINY, "seed=range(2)"])
    assert done.returncode == 2
    assert "may not be written" in done.stderr


def test_a_launcher_starts_no_more_processes_than_there_are_jobs_and_the_next_time_as_many_as_ever():
    launcher = OmegaConf.create({"n_jobs": 4})
    with at_most(1, launcher):
        assert launcher.n_jobs == 1
    assert launcher.n_jobs == 4
    with at_most(9, launcher):
        assert launcher.n_jobs == 4
    with at_most(1, OmegaConf.create({})) as nothing:
        assert nothing is None
