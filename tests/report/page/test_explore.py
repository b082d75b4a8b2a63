from __future__ import annotations

import json

from lkca_exp.report.charts.style import styles
from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.page.explore import explored
from lkca_exp.report.read.load import load


def explored_of(folder):
    summary = summarise(*load([folder]))
    return json.loads(explored(summary, styles(summary), lambda folder: f"to/{folder.name}"))


def columns_of(folder):
    return {column["name"]: column for column in explored_of(folder)["columns"]}


def test_a_column_for_each_key_and_number_that_differs(make_run, runs):
    make_run("attention", 0, 0.91)
    make_run("lkca", 0, None, status="failed", config={"optim.lr": 0.1234567})
    columns = columns_of(runs / "digits_compare")
    assert list(columns)[:3] == ["variant", "data", "run"]
    assert sorted(columns["status"]["words"]) == ["failed", "finished"]
    of = {word: columns["variant"]["words"].index(word) for word in columns["variant"]["words"]}
    first = columns["variant"]["places"].index(of[min(of)])
    assert columns["test/top1"]["values"][first] == 0.91
    assert columns["optim.lr"]["values"][1 - first] == 0.123457
    assert columns["test/top1"]["values"][1 - first] is None
    assert "optim.weight_decay" not in columns
    assert "parameters" not in columns


def test_words_beside_numbers_make_a_column_of_words(make_run, runs):
    make_run("attention", 0, config={"model.depth": 4})
    make_run("attention", 1, config={"model.depth": "four"})
    make_run("attention", 2, config={"model.depth": [1, 2]})
    assert sorted(columns_of(runs / "digits_compare")["model.depth"]["words"]) == ["4", "[1, 2]", "four"]


def test_each_run_has_the_link_of_its_folder(make_run, runs):
    folders = [make_run(mixer, seed, label=mixer) for mixer in ("attention", "lkca") for seed in range(2)]
    content = explored_of(runs / "digits_compare")
    (labels,) = (column for column in content["columns"] if column["name"] == "run")
    of_runs = [labels["words"][place] for place in labels["places"]]
    assert sorted(content["links"]) == sorted(f"to/{folder.name}" for folder in folders)
    assert all(link.startswith(f"to/{label}-s") for link, label in zip(content["links"], of_runs, strict=True))
