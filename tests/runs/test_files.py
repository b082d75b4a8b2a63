"""Files that are whole or not there, and records that are read with care."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lkca_exp.runs import record as records
from lkca_exp.runs.files import read_rows, write_atomically, write_json, write_rows
from lkca_exp.runs.lock import hold


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_have_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_json(tmp_path / "ours", {})
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_number_that_json_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "file", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_rows(tmp_path):
    rows = [{"epoch": 0, "train/loss": 0.1}, {"epoch": 1, "train/loss": 1e-9}]
    write_rows(tmp_path / "rows", rows)
    assert read_rows(tmp_path / "rows") == rows
    assert read_rows(tmp_path / "none") == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"format": 0}', "\x00\x01"])
def test_a_damaged_record_is_no_record(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    assert records.read(tmp_path) is None


def test_a_damaged_record_is_trained_again(job):
    from lkca_exp.train import train

    made = job("epochs=1")
    directory = records.run_directory(made.config, made.derived)
    directory.mkdir(parents=True)
    (directory / "run.json").write_text('{"format": 1, "id"')
    train(made.config, made.derived)
    assert records.read(directory)["status"] == "finished"


def test_a_lock_ends_with_its_process(tmp_path):
    code = f"""
from pathlib import Path
from lkca_exp.runs.lock import hold
with hold(Path({str(tmp_path)!r})) as mine:
    print(mine, flush=True)
    input()
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "True\n"
    with hold(tmp_path) as mine:
        assert not mine
    holder.kill()
    holder.wait()
    with hold(tmp_path) as mine:
        assert mine
