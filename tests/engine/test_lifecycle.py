"""What is in a run's folder when the run begins, and what stays there when it cannot go on."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lkca_exp.config.errors import RunFailedError
from lkca_exp.data.content import run_of
from lkca_exp.engine import lifecycle
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs import files as runs_files
from lkca_exp.runs.checksums import CHECKED, checksums, misfits
from lkca_exp.runs.lock import hold
from lkca_exp.runs.record import Record, read, read_finished
from lkca_exp.runs.run import Run
from lkca_exp.runs.store import find
from tests.conftest import TINY, environment
from tests.interrupted import stop_after
from tests.runs.conftest import change


@pytest.fixture
def run(job) -> Run:
    return run_of(job("epochs=2"))


@pytest.fixture
def forced(job) -> Run:
    return run_of(job("epochs=2", "force=true"))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run but its log, which may say what happened."""
    files = (path for path in folder.iterdir() if path.is_file() and path.name not in (".lock", "train.log"))
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"format": 1, "id"', "run.json is damaged"), ('{"format": 1}', "for label"), (None, "files without a record")],
)
def test_what_is_in_the_way_is_set_aside_and_said(run, caplog, text, said):
    train(run)
    before = contents(run.directory)
    (run.directory / "run.json").unlink() if text is None else (run.directory / "run.json").write_text(text)
    train(run)
    assert (run.directory / "previous" / "weights.safetensors").read_bytes() == before["weights.safetensors"]
    assert (run.directory / "weights.safetensors").read_bytes() == before["weights.safetensors"], "trained anew"
    (message,) = (message for message in caplog.messages if "moved to previous/" in message)
    assert said in message


def test_a_result_in_previous_outlives_a_damaged_record(run, forced):
    train(run)
    train(forced)
    previous = contents(run.directory / "previous")
    (run.directory / "run.json").write_text("{")
    train(run)
    assert contents(run.directory / "previous") == previous
    assert (run.directory / "unusable" / "run.json").read_text() == "{"


@pytest.mark.parametrize("force", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_newer_record_is_refused_and_kept(cli, tmp_path, force):
    args = [*TINY, "epochs=1", f"force={str(force).lower()}"]
    assert cli(*args).returncode == 0
    (folder,) = tmp_path.glob("runs/default/*-s0-*")
    change(folder, format=2, versions={"lkca-exp": "9.0"})
    before = contents(folder)
    done = cli(*args)
    assert done.returncode == 2
    assert "format 2; this version reads 1, lkca-exp 9.0 wrote it" in done.stderr
    assert contents(folder) == before


def test_the_record_has_the_checksums_of_its_files(run):
    train(run)
    record = read(run.directory)
    assert isinstance(record, Record)
    assert record.sha256 == checksums(run.directory)
    assert list(record.sha256) == list(CHECKED)
    assert misfits(run.directory, record) == []
    for name in CHECKED:
        content = bytearray((run.directory / name).read_bytes())
        content[len(content) // 2] ^= 1
        (run.directory / name).write_bytes(content)
        assert misfits(run.directory, record, [name]) == [name]
    (run.directory / CHECKED[0]).unlink()
    assert misfits(run.directory, record) == list(CHECKED[1:])
    change(run.directory, sha256={})
    assert misfits(run.directory, read(run.directory)) == [], "a record from before there were checksums"


def test_a_twin_whose_files_differ_is_not_reused(run, job, caplog):
    train(run)
    (run.directory / "weights.safetensors").write_bytes(b"other")
    other = run_of(job("epochs=2", "study=other"))
    train(other)
    record = read_finished(other.directory)
    assert record is not None
    assert record.reused_from is None
    assert "weights.safetensors differs from its record" in caplog.text


def test_processes_that_begin_together_reuse_a_result_once_each(run, job):
    """Each links its files; two at a time would do so into each other's."""
    train(run)
    other = run_of(job("epochs=2", "study=other"))
    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            found = [result for result in pool.map(find, [other] * 8) if result]
        assert {result.reused_from for result in found} == {f"default/{run.directory.name}"}
        assert misfits(other.directory, read(other.directory)) == []
        shutil.rmtree(other.directory)


def test_a_run_that_another_process_is_at_is_not_replaced_by_a_result(run, job):
    train(run)
    other = run_of(job("epochs=2", "study=other"))
    other.directory.mkdir(parents=True)
    with hold(other.directory):
        assert find(other) is None
    assert contents(other.directory) == {}
    assert find(other)


def test_a_run_under_an_older_label_is_continued_and_found_where_it_is(run, job):
    stop_after(run, epochs=1)
    older = run.directory.rename(run.directory.with_name(f"older-s0-{run.id[:8]}"))
    with hold(older):
        assert train(run_of(job("epochs=2"))) is None, "it is locked"
    train(run_of(job("epochs=2")))
    record = find(run_of(job("epochs=2")))
    assert record is not None
    assert record.attempts[-1].from_epoch == 1
    assert [path.parent for path in older.parent.glob("*/run.json")] == [older]
    other_study = find(run_of(job("epochs=2", "study=other")))
    assert other_study is not None
    assert other_study.reused_from == f"default/{older.name}"


def full_disk(monkeypatch, names: tuple[str, ...]) -> None:
    """Have the writing of these files fail for want of space."""
    write = runs_files.replace_file

    def fail(path, write_file):
        if path.name in names:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, write_file)

    monkeypatch.setattr(runs_files, "replace_file", fail)


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "last.ckpt", "metrics.jsonl", "predictions.npz"])
def test_a_full_disk_is_said_and_a_finished_result_stays(run, forced, monkeypatch, caplog, name):
    train(run)
    before = contents(run.directory)
    with monkeypatch.context() as patched:
        full_disk(patched, (name,))
        with pytest.raises(RunFailedError, match="no space left on /") as caught:
            train(forced)
    assert "Traceback" not in caplog.text
    assert "AssertionError" not in str(caught.value)
    assert "its finished result is kept" in caplog.text
    assert contents(run.directory) == before
    train(forced)
    assert contents(run.directory / "previous") == before


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "last.ckpt", "metrics.jsonl", "weights.safetensors"])
def test_a_new_run_goes_on_when_there_is_space_again(run, monkeypatch, name):
    with monkeypatch.context() as patched:
        full_disk(patched, (name,))
        with pytest.raises(RunFailedError, match="no space left on /"):
            train(run)
    record = read(run.directory)
    assert record is None or (isinstance(record, Record) and record.status == "failed")
    train(run)
    assert read_finished(run.directory)


def test_an_interrupted_run_is_as_it_was_where_its_disk_is_full(run, monkeypatch):
    stop_after(run, epochs=1)
    before = contents(run.directory)
    with monkeypatch.context() as patched:
        full_disk(patched, ("run.json",))
        with pytest.raises(RunFailedError, match="no space left on /"):
            train(run)
    assert contents(run.directory) == before
    train(run)
    assert read(run.directory).attempts[-1].from_epoch == 1


def test_a_run_that_replaces_a_result_and_fails_says_how_that_comes_back(run, forced, monkeypatch, caplog):
    train(run)
    before = contents(run.directory)

    def fail(*_):
        raise ValueError("no such thing")

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "fit", fail)
        with pytest.raises(RunFailedError, match="no such thing"):
            train(forced)
    assert "python -m lkca_exp.runs restore" in caplog.text
    assert contents(run.directory / "previous") == before


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")],
)
def test_memory_is_said_to_have_ended_a_run(run, monkeypatch, caplog, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(lifecycle, "fit", fail)
    with pytest.raises(RunFailedError, match="out of memory"):
        train(run)
    assert "Traceback" not in caplog.text


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while stream.write(b"b" * 4096):
            pass


@pytest.mark.slow
def test_a_disk_that_is_really_full(cli, small_disk):
    args = [*TINY, f"paths.runs={small_disk}/runs"]
    ballast = small_disk / "ballast"
    assert cli(*args).returncode == 0
    (folder,) = small_disk.glob("runs/default/*-s0-*")
    before = contents(folder)
    fill(ballast)
    done = cli(*args, "force=true")
    assert done.returncode == 1
    assert f"no space left on {small_disk}" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(folder) == before
    ballast.unlink()
    done = cli(*args, "force=true")
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "previous" / "run.json").read_text()) == json.loads(before["run.json"])


@pytest.mark.parametrize("args", [[], ["-m", "seed=0,1"]], ids=["run", "sweep"])
def test_too_little_memory_to_load_torch_is_said(tmp_path, args):
    limit = 1 << 30
    command = [sys.executable, "-m", "lkca_exp", *args, *TINY]
    process = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert process.returncode == 1
    assert "out of memory" in process.stdout + process.stderr
    assert "Traceback" not in process.stdout + process.stderr
