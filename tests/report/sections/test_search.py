from __future__ import annotations

import json
import random

import numpy as np
import pytest
from rich.console import Console

from lkca_exp.report.build import markdown, report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.sections.search import explained
from lkca_exp.runs.sweeps import Sweep, note_sweep
from tests.report.conftest import rows, write_predictions

TEST = 0.4321


@pytest.fixture
def trials(make_run, runs):
    """Eight trials, whose validation accuracy is by the learning rate, and test accuracy always the same."""
    for number, lr in enumerate([0.001, 0.01, 0.0001, 0.1] * 2):
        validated = {0.0001: 0.5, 0.001: 0.6, 0.01: 0.8, 0.1: 0.3}[lr] + 0.001 * number
        folder = make_run(
            "lkca",
            config={"optim.lr": lr, "optim.weight_decay": 0.1 * (number // 4)},
            protocol="holdout",
            metrics={"epoch": 2, "val/top1": validated, "val/loss": 1.0, "test/top1": TEST, "test/loss": 0.9876},
            timings={"started": f"2026-01-02T03:04:0{number}Z", "ended": None, "seconds": 1.0},
            selected_on="validation",
        )
        write_predictions(folder, TEST)
    return runs / "digits_compare"


@pytest.fixture
def search(trials):
    note_sweep(trials, Sweep(tuple(path.name for path in trials.iterdir()), search=True))
    return trials


def block(study):
    (found,) = [block for block in gather([study], Choice(), []).blocks if block.heading == "The search"]
    return found


def test_the_best_is_that_by_validation(search):
    content = gather([search], Choice(), [])
    (sentence,) = content.sentences
    assert "Best of 8 trials on digits" in sentence
    assert "lr=0.01 weight_decay=0.1 with 80.50 %" in sentence


def test_history_slices_and_importance(search):
    history, first, second = block(search).charts
    assert [row["mean"] for row in rows(history, "point")] == [60, 80.1, 50.2, 30.3, 60.4, 80.5, 50.6, 30.7]
    assert [row["mean"] for row in rows(history, "line")] == [60, 80.1, 80.1, 80.1, 80.1, 80.5, 80.5, 80.5]
    assert (first.slug, second.slug) == ("search-optim.lr", "search-optim.weight_decay")
    assert sorted({row["x"] for row in rows(first)}) == [0.0001, 0.001, 0.01, 0.1]
    (table,) = block(search).tables
    lr, decay = table.table.rows
    assert (lr.key, lr.num_values) == ("optim.lr", 4)
    assert lr.share > 0.99
    assert decay.share == 0


@pytest.mark.parametrize("by", ["sweeps", "optuna"])
def test_no_test_accuracy_is_shown(trials, by):
    if by == "optuna":
        (trials / "optuna.db").write_bytes(b"")
    else:
        note_sweep(trials, Sweep(tuple(path.name for path in trials.iterdir()), search=True))
    report([trials], Console(quiet=True))
    files = [
        path for path in (trials / "report").rglob("*") if path.suffix in (".html", ".md", ".csv", ".json", ".tex")
    ]
    assert len(files) > 15
    for path in files:
        assert not any(number in path.read_text() for number in ("43.2", "0.432", "0.43<", "43.00")), path.name
    assert "80.50" in markdown(gather([trials], Choice(), []))


def test_runs_that_are_no_trials_are_compared_by_test(trials):
    content = gather([trials], Choice(), [])
    assert not content.summary.is_search
    assert all(block.heading != "The search" for block in content.blocks)


def test_trials_are_left_out_beside_other_runs_and_shown_alone_on_request(search, make_run):
    make_run("attention", 0, 0.9)
    content = gather([search], Choice(), [])
    assert [variant.name for variant in content.summary.variants] == ["attention"]
    assert "left out: 8 trials of the search digits_compare, which --where protocol=holdout shows" in content.notes
    assert gather([search], Choice(where=("protocol=holdout",)), []).summary.is_search


def test_trials_are_not_compared_by_test_on_request(search):
    with pytest.raises(ValueError, match="are not compared by test"):
        gather([search], Choice(metric="test/loss"), [])


def test_a_search_that_has_just_begun(make_run, runs):
    folder = make_run("lkca", top1=None, status="running", protocol="holdout", rows=[{"epoch": 0}])
    note_sweep(folder.parent, Sweep((folder.name,), search=True))
    content = gather([folder.parent], Choice(), [])
    assert content.sentences == ["No trial of the search on digits has finished yet."]
    report([folder.parent], Console(quiet=True))


def test_explained_variance_is_r_squared_adjusted():
    scores = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    share = explained(["a", "a", "a", "b", "b", "b"], scores)
    residual, total = 4 / 4, np.var(scores, ddof=1)
    assert share == pytest.approx(1 - residual / total)


def test_keys_without_effect_explain_next_to_nothing():
    draw = random.Random(0)
    found = [
        explained([draw.random() for _ in range(40)], np.array([draw.gauss(0, 1) for _ in range(40)])) or 0.0
        for _ in range(100)
    ]
    assert np.mean(found) < 0.06


@pytest.mark.parametrize("values", [["a", "b", "c", "d"], list(range(4))])
def test_too_few_trials_explain_nothing(values):
    assert explained(values, np.array([1.0, 2.0, 3.0, 4.0])) is None


def test_lines_of_older_sweeps_are_no_search(tmp_path, trials):
    (trials / "sweeps.jsonl").write_text(json.dumps({"jobs": [path.name for path in trials.iterdir()], "baseline": ""}))
    assert not gather([trials], Choice(), []).summary.is_search
