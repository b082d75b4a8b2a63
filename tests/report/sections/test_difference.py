from __future__ import annotations

import pytest

from lkca_exp.report.charts.style import styles
from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.read.load import load
from lkca_exp.report.sections.difference import MOST_ROWS, difference, strips
from tests.report.conftest import rows


def drawn(folder):
    summary = summarise(*load([folder]))
    return difference(summary.settings[0], styles(summary))


def test_a_row_a_variant_with_its_interval_in_points(make_run, compared):
    make_run("lkca_depthwise", 0, 0.97)
    chart = drawn(compared)
    assert chart is not None
    lkca, depthwise = rows(chart.layers[-1])
    assert lkca["value"] == pytest.approx(3)
    assert (lkca["low"], lkca["high"]) == (pytest.approx(1.6912, abs=1e-3), pytest.approx(4.3088, abs=1e-3))
    assert (lkca["text"], lkca["verdict"]) == ("+3.00 (95 % CI +1.69 to +4.31)", "above")
    assert "low" not in depthwise
    assert depthwise["text"].endswith("(needs two seeds of each)")
    assert [row["value"] for row in rows(chart.layers[0])] == [0, 0]


def test_nothing_to_compare_is_not_drawn(make_run, runs):
    make_run()
    assert drawn(runs / "digits_compare") is None


def test_of_very_many_variants_the_best_are_drawn_and_it_is_said(make_run, compared):
    for place in range(MOST_ROWS):
        make_run("lkca", 0, 0.5 + place / 100, config={"optim.lr": 0.001 * (place + 2)})
    chart = drawn(compared)
    assert chart is not None
    assert len(rows(chart.layers[-1])) < MOST_ROWS
    assert chart.note == f"Of {MOST_ROWS + 2} variants the best are drawn."


def test_strips_share_a_scale_that_no_wide_interval_stretches(make_run, compared):
    for seed, lkca in enumerate((0.5, 0.9)):
        make_run("attention", seed, 0.8 - 0.1 * seed, config={"data.fraction": 0.2})
        make_run("lkca", seed, lkca, config={"data.fraction": 0.2})
    summary = summarise(*load([compared]))
    small = strips(summary.settings, styles(summary))
    assert small.charts.keys() == {"digits", "digits, fraction=0.2"}
    (wide,) = rows(small.charts["digits, fraction=0.2"].layers[-1])
    assert wide["value"] == pytest.approx(-5)
    assert wide["low"] < -100
    assert small.ends == pytest.approx((-15, 15))
    for chart in small.charts.values():
        assert tuple(chart.layers[-1].to_dict()["encoding"]["x"]["scale"]["domain"]) == small.ends


def test_there_is_no_strip_without_a_comparison(make_run, runs):
    make_run()
    summary = summarise(*load([runs / "digits_compare"]))
    assert strips(summary.settings, styles(summary)).charts == {}
