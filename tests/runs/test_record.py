"""Records of a wrong shape, changed by hand, or of a newer version: named, never taken for a result."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lkca_exp.cli.runs import main
from lkca_exp.runs.record import Damaged, Failure, Newer, Record, read, write
from lkca_exp.runs.state import run_state
from tests.runs.conftest import change

ATTEMPT = {"started": "2026-01-02T03:04:05+00:00", "ended": None, "status": "running", "from_epoch": 0}
WRONG = [
    ("metrics", None), ("metrics", []), ("metrics", {"test/top1": 7.0}), ("metrics", {"test/top1": -0.1}),
    ("metrics", {"test/top1": "0.5"}), ("metrics", {"test/top1": True}), ("metrics", {}),
    ("metrics", {"test/top1": 0.5, "test/calibration_error": 2}), ("metrics", {"test/top1": 0.5, "test/loss": None}),
    ("speed", {"train_images_per_s": -1.0}), ("timings", None), ("timings", {"seconds": -1.0}),
    ("attempts", None), ("attempts", [None]), ("attempts", [{"from_epoch": "0"}]), ("attempts", [{"pid": -1}]),
    ("attempts", [ATTEMPT | {"started": "yesterday"}]), ("attempts", [ATTEMPT | {"started": "2026-01-02T03:04:05"}]),
    ("config", {}), ("config", {"epochs": 3}), ("seed", True), ("id", 5), ("status", "done"), ("reused_from", 1),
    ("derived", {"data_content": 1}),
]  # fmt: skip
WRONG_CONFIG = [
    ("epochs", None), ("epochs", 0), ("epochs", "3"), ("trainer", None), ("trainer", []), ("data", "digits"),
    ("data", {"name": None}), ("data", {"name": "digits", "fraction": "all"}), ("model", None), ("keep", 1),
    ("model", {"name": "vit", "mixer": "lkca"}), ("augment", []), ("augment", {"passes_per_epoch": None}),
]  # fmt: skip


def assert_damaged(folder, name, capsys):
    """The record says which entry is wrong, and every command answers."""
    record = read(folder)
    assert isinstance(record, Damaged)
    assert name in record.reason
    assert run_state(folder).state == "damaged"
    for command in (["status"], ["show", str(folder)], ["diff", str(folder), str(folder)], ["prune", "default"]):
        main(command)
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_an_entry_that_no_record_has(make_run, capsys, name, value):
    folder = make_run("finished")
    change(folder, **{name: value})
    assert_damaged(folder, name, capsys)


@pytest.mark.parametrize(("key", "value"), WRONG_CONFIG)
def test_a_configuration_that_no_record_has(make_run, capsys, key, value):
    folder = make_run("interrupted")
    record = read(folder)
    assert isinstance(record, Record)
    change(folder, config=record.config | {key: value})
    assert_damaged(folder, f"config.{key}", capsys)


def test_a_run_without_attempts_is_not_running(make_run, capsys):
    folder = make_run("running")
    change(folder, attempts=[])
    assert_damaged(folder, "attempts", capsys)


def test_what_only_informs_does_no_harm(make_run):
    folder = make_run("finished")
    change(folder, speed=None, git=[], versions=0, warnings="none", class_names=None, error=5, later=1, extra={"a": 1})
    record = read(folder)
    assert isinstance(record, Record)
    assert (record.speed, record.git, record.versions, record.warnings) == ({}, {}, {}, ())


def test_a_record_that_was_changed_is_told(make_run):
    folder = make_run("finished")
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"test/top1": 0.875', '"test/top1": 0.885'))
    record = read(folder)
    assert isinstance(record, Damaged)
    assert "changed since it was written" in record.reason
    (folder / "run.json").write_text(text)
    assert isinstance(read(folder), Record)


def test_a_newer_format_says_who_reads_it(make_run):
    folder = make_run("finished")
    change(folder, format=2, versions={"lkca-exp": "9.0"})
    record = read(folder)
    assert isinstance(record, Newer)
    assert record.reason == "run.json has format 2; this version reads 1, lkca-exp 9.0 wrote it"
    (folder / "run.json").write_text(json.dumps({"format": 3}))
    assert "a newer version wrote it" in read(folder).reason


def test_text_that_no_terminal_can_show_is_damaged(make_run):
    folder = make_run("finished")
    change(folder, label="\ud800")
    assert isinstance(read(folder), Damaged)


@pytest.mark.parametrize("constant", ["Infinity", "-Infinity", "NaN"])
def test_what_is_no_number_of_json_is_damaged(make_run, capsys, constant):
    folder = make_run("interrupted")
    change(folder, device={"threads": "a constant"})
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"a constant"', constant))
    assert_damaged(folder, "Out of range float", capsys)


def test_half_of_a_character_is_written_as_a_question_mark(make_run):
    folder = make_run("finished")
    write(folder, replace(read(folder), error=Failure("OSError", "no file caf\udce9.png", "")))
    assert read(folder).error.message == "no file caf?.png"
