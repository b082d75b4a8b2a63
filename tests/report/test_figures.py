from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from lkca_exp.report.aggregate import Summary, summarise
from lkca_exp.report.figures import COLOURS, Figure, curve, figures, plot_text, styles
from lkca_exp.report.load import load


def summary_of(*studies) -> Summary:
    return summarise(*load(studies))


def drawn(study) -> list[Figure]:
    summary = summary_of(study)
    return [figure for setting in summary.settings for figure in figures(setting, styles(summary))]


def lines(figure: Figure, name: str) -> list[dict]:
    return [trace for trace in figure.content["data"] if trace["meta"] == name and "hovertemplate" in trace]


@pytest.mark.parametrize(
    ("protocol", "title"),
    [("final", "Training top-1"), ("holdout", "Validation top-1"), ("best_on_test", "Test top-1")],
)
def test_the_accuracy_that_was_recorded_is_drawn(make_run, runs, protocol, title):
    make_run("lkca", protocol=protocol)
    _, accuracy, loss = drawn(runs / "digits_compare")
    assert accuracy.title.startswith(f"{title} by epoch")
    assert loss.title == "Training loss by epoch"
    (line,) = lines(accuracy, "lkca")
    assert (line["x"], line["y"]) == ([1, 2, 3], [30.0, 70.0, 90.0])
    assert lines(loss, "lkca")[0]["y"] == [2.1, 1.2, 0.6]


def test_a_line_is_the_mean_and_the_band_spans_the_seeds(make_run, runs):
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        make_run("lkca", seed, 0.9, rows=[{"epoch": 0, "train/loss": loss}])
    low, high, line = drawn(runs / "digits_compare")[1].content["data"]
    assert (low["y"], high["y"], line["y"]) == ([1.0], [6.0], [3.0])
    assert high["fill"] == "tonexty"


def test_an_epoch_that_a_seed_lacks_is_not_drawn(make_run, runs):
    """Else the mean would jump where a run is missing."""
    make_run("lkca", 0, rows=[{"epoch": 0, "train/loss": 3.0}, {"epoch": 1, "train/loss": 2.0}])
    make_run("lkca", 1, rows=[{"epoch": 0, "train/loss": 5.0}, {"epoch": 1, "train/loss": float("nan")}])
    make_run("lkca", 2, rows=[])
    (variant,) = summary_of(runs / "digits_compare").variants
    assert curve(variant, "train/loss") == ([1], [[3.0, 5.0]])


def test_unfinished_runs_are_in_no_curve(make_run, runs):
    make_run("lkca", 0, 0.9, rows=[{"epoch": 0, "train/loss": 1.0}])
    make_run("lkca", 1, None, status="failed", rows=[{"epoch": 0, "train/loss": 9.0}])
    assert lines(drawn(runs / "digits_compare")[1], "lkca")[0]["y"] == [1.0]


def test_no_finished_run_draws_nothing(make_run, runs):
    make_run("lkca", 0, None, status="running")
    assert drawn(runs / "digits_compare") == []


def test_a_variant_keeps_its_style_in_all_figures_and_settings(make_run, compared):
    for mixer in ("attention", "lkca"):
        make_run(mixer, 0, 0.8, config={"data.fraction": 0.2})
    colours = {
        (trace["meta"], trace["line"]["color"])
        for figure in drawn(compared)
        for trace in figure.content["data"]
        if trace["mode"] == "lines" and "hovertemplate" in trace
    }
    assert colours == {("attention", COLOURS[0]), ("lkca", COLOURS[1])}


def test_more_variants_than_colours_differ_in_dashes(make_run, runs):
    for size in range(20):
        make_run("lkca", config={"model.mixer.kernel_size": 2 * size + 1})
    assert len(set(styles(summary_of(runs / "digits_compare")).values())) == 20


def test_every_seed_is_a_dot_and_the_bar_is_the_interval(compared):
    dots, mean = lines(drawn(compared)[0], "lkca")
    assert dots["x"] == [98.0, 98.0, 99.0]
    assert dots["text"] == ["seed 0", "seed 1", "seed 2"]
    assert mean["x"] == [98.3333]
    assert mean["error_x"]["array"] == pytest.approx([1.4342], abs=1e-3)


def test_a_bar_ends_at_a_hundred_percent(make_run, runs):
    for seed, top1 in enumerate([0.99, 1.0]):
        make_run("lkca", seed, top1)
    _, mean = lines(drawn(runs / "digits_compare")[0], "lkca")
    assert mean["error_x"]["array"] == [0.5]
    assert mean["error_x"]["arrayminus"] == pytest.approx([6.353], abs=1e-3)


def test_selected_on_test_is_in_the_titles(make_run, runs):
    make_run("lkca", protocol="best_on_test", selected_on="test")
    seeds, accuracy, _ = drawn(runs / "digits_compare")
    assert seeds.title.endswith("selected on test")
    assert accuracy.title.endswith("selected on test")


def test_plotly_accepts_the_figures(compared):
    """plotly.graph_objects refuses unknown attributes and values; JSON refuses NaN."""
    for figure in drawn(compared):
        assert len(go.Figure(figure.content).data) == len(figure.content["data"])
        json.dumps(figure.content, allow_nan=False)


def test_names_are_text_to_plotly(make_run, runs):
    assert plot_text("<b>%{x}</b>") == "&lt;b&gt;%&#123;x}&lt;/b&gt;"
    make_run("<script>alert(1)</script>", label="odd")
    for figure in drawn(runs / "digits_compare"):
        assert {trace["name"] for trace in figure.content["data"]} == {"&lt;script&gt;alert(1)&lt;/script&gt;"}
        assert not any("<" in text for text in figure.content["layout"]["yaxis"].get("ticktext", []))
