"""Files that are whole or not there, and records that are read with care."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lkca_exp.data.content import run_of
from lkca_exp.runs import record as records
from lkca_exp.runs.files import write_atomically, write_json
from lkca_exp.runs.lock import hold
from lkca_exp.runs.rows import read_rows, write_rows
from tests.runs.conftest import change


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
    assert read_rows(tmp_path / "rows") == (rows, 0)
    assert read_rows(tmp_path / "none") == ([], 0)


@pytest.mark.parametrize(
    ("content", "epochs", "unreadable"),
    [(b'{"epoch": 0}\n{"epo', [0], 0), (b'{"epoch": 0}\n{"epo\n', [0], 1), (b"\xff\n[1]\n{}\n", [], 3),
     (b'{"epoch": 0, "a": NaN, "b": "c"}\n', [0], 0), (b'{"epoch": 1.5}\n{"epoch": -1}\n{"epoch": true}\n', [], 3),
     (b'{"epoch": 0, "a": 1' + b"0" * 400 + b"}\n", [0], 0), (b"[" * 100_000 + b"\n", [], 1)],
)  # fmt: skip
def test_damaged_rows_cost_a_line(tmp_path, content, epochs, unreadable):
    (tmp_path / "rows").write_bytes(content)
    assert read_rows(tmp_path / "rows") == ([{"epoch": epoch} for epoch in epochs], unreadable)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "damaged"), ("{", "damaged"), ("[1]", "no record"), ('{"format": 0}', "format 0"), ("\x00\x01", "damaged"),
     ('{"format": 1}', "label"), ("[" * 100_000, "recursion")],
)  # fmt: skip
def test_a_damaged_record_says_why(tmp_path, content, reason):
    (tmp_path / "run.json").write_text(content)
    record = records.read(tmp_path)
    assert isinstance(record, records.Damaged)
    assert reason in record.reason
    assert records.read(tmp_path / "nowhere") is None


def test_what_a_later_version_adds_to_a_record_is_kept(make_run):
    folder = make_run("interrupted")
    change(folder, later={"a": [1]})
    before = json.loads((folder / "run.json").read_text())
    records.write(folder, records.read(folder))
    after = json.loads((folder / "run.json").read_text())
    assert after.pop("checksum")
    assert list(after.items()) == list(before.items())


def test_a_damaged_record_is_trained_again(job):
    from lkca_exp.engine.lifecycle import train

    made = job("epochs=1")
    directory = run_of(made).directory
    directory.mkdir(parents=True)
    (directory / "run.json").write_text('{"format": 1, "id"')
    train(run_of(made))
    assert records.read(directory).status == "finished"


def test_a_lock_ends_with_its_process(tmp_path):
    code = f"""
from pathlib import Path
from lkca_exp.runs.lock import hold
from tests.runs.conftest import change
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
