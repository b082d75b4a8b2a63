from __future__ import annotations

from dataclasses import replace

import pytest

from lkca_exp.report.read.load import load
from lkca_exp.runs import state
from lkca_exp.runs.lock import is_held
from lkca_exp.runs.record import Failure, read, write
from tests.report.conftest import alter, write_run


def test_a_run_is_read(make_run):
    folder = make_run("lkca", seed=4, top1=0.98, error=Failure("ValueError", "no", ""), warnings=("slow disk",))
    (run,), left_out = load([folder.parent])
    assert not left_out
    assert (run.seed, run.label, run.study, run.status) == (4, "digits-lkca", "digits_compare", "finished")
    assert run.metrics["test/top1"] == 0.98
    assert run.config["model.mixer.name"] == "lkca"
    assert run.curve[2]["train/loss"] == 0.6
    assert (run.error, run.warnings, run.seconds) == ("ValueError: no", ("slow disk",), 22.1)


def test_a_run_that_nobody_holds_is_not_running(runs, make_run):
    assert load([make_run("lkca", status="running").parent])[0][0].status == "running"
    write_run(runs, "lkca", 1, None, study="killed", status="running")
    assert load([runs / "killed"])[0][0].status == "killed"


def test_a_run_that_finishes_while_it_is_read_was_not_killed(runs, monkeypatch):
    folder = write_run(runs, "lkca", 0, 0.98, status="running")

    def finishes(folder):
        monkeypatch.setattr(state, "is_held", is_held)
        write(folder, replace(read(folder), status="finished"))
        return False

    monkeypatch.setattr(state, "is_held", finishes)
    assert load([folder.parent])[0][0].status == "finished"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 1, "id": "ab', "damaged"),
        ("", "damaged"),
        ("[]", "no record"),
        ("\x00\x00", "damaged"),
        ('{"format": 2}', "format 2"),
        ('{"format": 1, "label": 5}', "label"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_damaged_record_is_left_out_with_the_reason(make_run, text, reason):
    good, bad = make_run(seed=0), make_run(seed=1)
    (bad / "run.json").write_text(text, encoding="utf-8")
    runs, left_out = load([good.parent])
    assert [run.folder for run in runs] == [good]
    assert [one.folder for one in left_out] == [bad]
    assert reason in left_out[0].reason


@pytest.mark.parametrize("key", ["id", "group", "label", "seed", "status", "config", "numerics"])
def test_a_record_without_a_needed_entry_is_left_out(make_run, key):
    folder = make_run()
    alter(folder, key)
    runs, left_out = load([folder.parent])
    assert not runs
    assert key in left_out[0].reason


def test_bytes_that_are_no_text_are_left_out(make_run):
    folder = make_run()
    (folder / "run.json").write_bytes(b"\xff\xfe{")
    assert "damaged" in load([folder.parent])[1][0].reason


def test_a_run_folder_without_a_record_is_named_and_other_folders_are_not(make_run):
    folder = make_run()
    (folder.parent / "digits-lkca-s7-0123abcd").mkdir()
    (folder.parent / "report").mkdir()
    runs, left_out = load([folder.parent])
    assert len(runs) == 1
    assert [(one.folder.name, one.reason) for one in left_out] == [("digits-lkca-s7-0123abcd", "no run.json")]


def test_unknown_keys_and_odd_values_do_no_harm(make_run):
    folder = make_run()
    odd = {"memory": None, "device": [], "warnings": "none", "timings": {"seconds": None}, "new": {}}
    alter(folder, speed={"train_images_per_s": "fast"}, **odd)
    (run,), left_out = load([folder.parent])
    assert not left_out
    assert (run.speed, run.memory, run.device, run.warnings, run.seconds) == ({}, {}, {}, (), None)


@pytest.mark.parametrize("top1", [float("nan"), 7.0, -0.1])
def test_a_run_with_an_accuracy_that_cannot_be_is_left_out(make_run, top1):
    folder = make_run()
    alter(folder, metrics={"test/top1": top1})
    runs, left_out = load([folder.parent])
    assert not runs
    assert "metrics.test/top1" in left_out[0].reason


def test_a_last_line_cut_short_is_passed_over(make_run):
    folder = make_run()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "train/lo')
    (run,), _ = load([folder.parent])
    assert sorted(run.curve) == [0, 1, 2]
    assert run.notes == ()


def test_a_damaged_line_in_the_middle_is_noted(make_run):
    folder = make_run()
    path = folder / "metrics.jsonl"
    path.write_text("garbage\n[1]\n" + path.read_text())
    (run,), _ = load([folder.parent])
    assert sorted(run.curve) == [0, 1, 2]
    assert run.notes == ("2 unreadable line(s) in metrics.jsonl",)


def test_bytes_that_are_no_text_in_the_curve_cost_a_line_not_the_run(make_run):
    folder = make_run()
    path = folder / "metrics.jsonl"
    path.write_bytes(b'{"epoch": \xff}\n' + path.read_bytes())
    (run,), left_out = load([folder.parent])
    assert (sorted(run.curve), len(run.notes), left_out) == ([0, 1, 2], 1, [])


def test_an_epoch_written_again_counts_the_second_time(make_run):
    folder = make_run(rows=[{"epoch": 0, "train/loss": 2.0}, {"epoch": 0, "train/loss": 1.5, "train/top1": None}])
    (run,), _ = load([folder.parent])
    assert run.curve == {0: {"epoch": 0, "train/loss": 1.5}}


@pytest.mark.parametrize("odd", ["1" + 400 * "0", "1e308", "true", "NaN", "[1]"])
def test_numbers_that_nothing_can_be_made_of_are_left_out(make_run, odd):
    folder = make_run()
    (folder / "metrics.jsonl").write_text(f'{{"epoch": 0, "train/loss": {odd}}}\n{{"epoch": {odd}}}\n')
    (run,), left_out = load([folder.parent])
    assert (run.curve, run.notes, left_out) == ({0: {"epoch": 0}}, ("1 unreadable line(s) in metrics.jsonl",), [])


@pytest.mark.parametrize("leave", ["empty", "missing"])
def test_no_metrics_no_curve(make_run, leave):
    folder = make_run(rows=[])
    if leave == "missing":
        (folder / "metrics.jsonl").unlink()
    (run,), left_out = load([folder.parent])
    assert (run.curve, run.notes, left_out) == ({}, (), [])


def test_a_study_given_twice_is_read_once(make_run):
    study = make_run().parent
    assert len(load([study, study.parent / "elsewhere" / ".." / study.name])[0]) == 1


def test_a_folder_must_exist_and_hold_runs(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        load([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="holds no runs"):
        load([tmp_path])
