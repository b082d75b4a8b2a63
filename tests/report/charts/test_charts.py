"""What charts show: the rows behind their marks, and that each is drawn on the page and as a file."""

from __future__ import annotations

import itertools
import json
from xml.etree import ElementTree

import altair as alt
import pytest
import vl_convert

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.draw import WIDTH, inline, pdf, specification, svg
from lkca_exp.report.charts.style import COLOURS, MOST_DRAWN
from lkca_exp.report.charts.theme import INK
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.sections.cost import pareto
from lkca_exp.report.sections.curves import MOST_EPOCHS
from tests.report.conftest import alter, rows, write_predictions


def drawn(study, **choice) -> dict[str, Chart]:
    return gather([study], Choice(**choice), []).figures()


def axis_of(chart: Chart, channel: str) -> dict:
    return next(found for layer in chart.layers if (found := layer.to_dict()["encoding"].get(channel)))


def values(found: list[dict], *fields: str) -> list[list]:
    return [[row.get(field) for row in found] for field in fields]


@pytest.mark.parametrize(
    ("protocol", "key", "title"),
    [
        ("final", "train", "Training top-1"),
        ("holdout", "val", "Validation top-1"),
        ("best_on_test", "test", "Test top-1"),
    ],
)
def test_the_accuracy_that_was_recorded_is_drawn(make_run, runs, protocol, key, title):
    make_run("lkca", protocol=protocol)
    figures = drawn(runs / "digits_compare")
    accuracy, loss = figures[f"curve-{key}-top1"], figures["curve-train-loss"]
    assert accuracy.title == f"{title} by epoch"
    assert loss.title == "Training loss by epoch"
    assert values(rows(accuracy, "line"), "x", "mean") == [[1, 2, 3], [30.0, 70.0, 90.0]]
    assert values(rows(loss, "line"), "mean") == [[2.1, 1.2, 0.6]]


def test_a_line_is_the_mean_and_the_band_spans_the_seeds(make_run, runs):
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        make_run("lkca", seed, 0.9, rows=[{"epoch": 0, "train/loss": loss}])
    chart = drawn(runs / "digits_compare")["curve-train-loss"]
    assert values(rows(chart, "area"), "low", "high", "mean") == [[1.0], [6.0], [3.0]]
    assert values(rows(chart, "point"), "mean") == [[3.0]], "a line of one point would not be seen"


def test_an_epoch_that_a_seed_lacks_is_not_drawn(make_run, runs):
    """Else the mean would jump where a run is missing."""
    make_run("lkca", 0, rows=[{"epoch": 0, "train/loss": 3.0}, {"epoch": 1, "train/loss": 2.0}])
    make_run("lkca", 1, rows=[{"epoch": 0, "train/loss": 5.0}, {"epoch": 1, "train/loss": float("nan")}])
    make_run("lkca", 2, rows=[])
    assert values(rows(drawn(runs / "digits_compare")["curve-train-loss"], "line"), "x", "mean") == [[1], [4.0]]


def test_of_many_epochs_some_are_drawn_and_the_last(make_run, runs):
    make_run("lkca", rows=[{"epoch": epoch, "train/loss": float(epoch)} for epoch in range(400)])
    (places,) = values(rows(drawn(runs / "digits_compare")["curve-train-loss"], "line"), "x")
    assert len(places) <= MOST_EPOCHS
    assert places[-1] == 400
    assert {b - a for a, b in itertools.pairwise(places)} == {3}


def test_an_unfinished_run_is_a_line_of_its_own_and_in_no_mean(make_run, runs):
    make_run("lkca", 0, 0.9, rows=[{"epoch": 0, "train/loss": 1.0}])
    make_run("lkca", 1, None, status="failed", rows=[{"epoch": 0, "train/loss": 9.0}, {"epoch": 1, "train/loss": 8.0}])
    own, end, _, _, mean = (rows(layer) for layer in drawn(runs / "digits_compare")["curve-train-loss"].layers)
    assert values(mean, "mean") == [[1.0]]
    assert values(own, "mean") == [[9.0, 8.0]]
    assert values(end, "mean", "text") == [[8.0], ["seed 1: failed at epoch 2"]]


def test_no_finished_run_draws_only_its_progress(make_run, runs):
    make_run("lkca", 0, None, status="running")
    assert list(drawn(runs / "digits_compare")) == ["curve-train-top1", "curve-train-loss"]


def test_a_variant_keeps_its_style_in_all_figures_and_settings(make_run, compared):
    for mixer in ("attention", "lkca"):
        make_run(mixer, 0, 0.8, config={"data.fraction": 0.2})
    for path in compared.glob("*-s0-*"):
        write_predictions(path, 0.9)
    charts = [chart for chart in drawn(compared).values() if chart.style]
    styled = [item for chart in charts for item in chart.style.items()]
    assert len(styled) > 12
    assert {(name, style.colour) for name, style in styled} == {("attention", INK), ("lkca", COLOURS[0])}
    assert len(set(styled)) == 2
    for chart in charts:
        encodings = [layer.to_dict()["encoding"] for layer in chart.layers]
        scales = [encoding["color"]["scale"] for encoding in encodings if "color" in encoding]
        assert scales
        for scale in scales:
            assert scale["domain"] == [*chart.style]
            assert scale["range"] == [style.colour for style in chart.style.values()]


def test_more_variants_than_colours_differ_in_lines_and_points(make_run, runs):
    for size in range(20):
        make_run("lkca", config={"model.mixer.kernel_size": 2 * size + 1})
    style = gather([runs / "digits_compare"], Choice(), []).style
    assert len({one for name, one in style.items() if "kernel_size" in name}) == 20


def test_of_many_variants_the_best_are_drawn_and_the_baseline(make_run, runs):
    make_run("attention", 0, 0.1)
    for size in range(20):
        make_run("lkca", 0, 0.5 + size / 100, config={"model.mixer.kernel_size": 2 * size + 1})
    seeds = drawn(runs / "digits_compare")["seeds"]
    (names,) = values(rows(seeds, "rule"), "variant")
    assert len(names) == MOST_DRAWN
    assert (names[0], names[-1]) == ("lkca kernel_size=39", "attention")
    assert "Of 21 variants the best are drawn" in seeds.note


def test_every_seed_is_a_dot_and_the_bar_is_the_interval(compared):
    dots, bars, _ = (rows(layer, variant="lkca") for layer in drawn(compared)["seeds"].layers)
    assert values(dots, "value", "seed", "text") == [[98.0, 98.0, 99.0], [0, 1, 2], ["98.00", "98.00", "99.00"]]
    (mean,) = bars
    assert [mean["mean"], mean["low"], mean["high"]] == pytest.approx((98.3333, 96.8991, 99.7676), abs=1e-3)
    assert mean["text"] == "98.33 ± 0.58 (3 seeds), 95 % CI 96.90 to 99.77"


def test_a_bar_ends_at_a_hundred_percent(make_run, runs):
    for seed, top1 in enumerate([0.99, 1.0]):
        make_run("lkca", seed, top1)
    assert values(rows(drawn(runs / "digits_compare")["seeds"], "rule"), "mean", "high") == [[99.5], [100]]


def test_selected_on_test_is_in_every_title(make_run, runs):
    for mixer in ("attention", "lkca"):
        record = {"selected_on": "test", "model": {"parameters": len(mixer), "flops_per_image": len(mixer)}}
        for seed in (0, 1):
            path = make_run(mixer, seed, 0.9 + seed / 100, protocol="best_on_test", **record)
            write_predictions(path, 0.9)
    figures = drawn(runs / "digits_compare")
    assert len(figures) >= 7
    assert [stem for stem, one in figures.items() if "selected on test" not in one.title] == ["curve-train-loss"]


@pytest.mark.parametrize(
    ("less_is_better", "higher_is_better", "front"),
    [(True, True, [2, 0, 3, 4]), (False, True, [3, 4]), (True, False, [2]), (False, False, [2, 1, 3, 4])],
)
def test_the_pareto_front_by_hand(less_is_better, higher_is_better, front):
    """Two of the points are one."""
    points = [(2.0, 0.8), (3.0, 0.7), (1.0, 0.5), (4.0, 0.9), (4.0, 0.9), (3.0, 0.8)]
    assert pareto(points, less_is_better, higher_is_better) == front


def test_costs_are_drawn_where_they_differ(make_run, compared):
    figures = drawn(compared)
    front, _, points = (rows(layer) for layer in figures["cost-parameters"].layers)
    assert {row["variant"]: row["x"] for row in points} == {"lkca": 93322, "attention": 100_000}
    assert values(front, "x", "mean") == [[93322], [pytest.approx(98.3333, abs=1e-3)]]
    make_run("lkca", 5, 0.9, device={"name": "other"})
    assert "cost-throughput" not in drawn(compared)


def test_an_ablation_has_a_line_and_the_baseline_as_a_level(make_run, runs):
    for seed in range(2):
        make_run("attention", seed, 0.80 + 0.01 * seed)
        for size in (3, 5, 15):
            make_run("lkca", seed, 0.85 + size / 1000 + 0.01 * seed, config={"model.mixer.kernel_size": size})
    chart = drawn(runs / "digits_compare")["ablation-model.mixer.kernel_size"]
    (line,) = [rows(layer) for layer in chart.layers if layer.mark["type"] == "line"]
    assert values(line, "x", "mean") == [[3, 5, 15], pytest.approx([85.8, 86.0, 87.0])]
    assert [line[0]["low"], line[0]["high"]] == pytest.approx((85.8 - 6.353, 85.8 + 6.353), abs=1e-2)
    ((level,), (band,)) = rows(chart, "rule", "attention"), rows(chart, "rect", "attention")
    assert level["mean"] == pytest.approx(80.5)
    assert [band["low"], band["high"]] == pytest.approx((80.5 - 6.353, 80.5 + 6.353), abs=1e-2)


def test_an_ablation_over_the_data_compares_all_mixers(make_run, runs):
    for fraction in (0.1, 0.5, 1.0):
        for mixer, lead in (("attention", 0), ("lkca", 0.05)):
            make_run(mixer, 0, fraction / 2 + lead, config={"data.fraction": fraction})
    chart = drawn(runs / "digits_compare")["ablation-data.fraction"]
    assert values(rows(chart, "line", "lkca"), "mean") == [pytest.approx([10, 30, 55])]
    assert values(rows(chart, "line", "attention"), "x") == [[0.1, 0.5, 1.0]]
    assert rows(chart, "rule") == []
    axis = axis_of(chart, "x")
    assert (axis["title"], axis["axis"]["format"]) == ("fraction of the training images", "~%")
    assert (axis["axis"]["values"], axis["scale"]["type"]) == ([0.1, 0.5, 1.0], "log")


def test_an_ablation_never_joins_other_configurations(make_run, runs):
    for size in (3, 5):
        for lr in (0.1, 0.2):
            config = {"model.mixer.kernel_size": size, "optim.lr": lr, "data.name": "digits" if size == 3 else "svhn"}
            make_run("lkca", 0, 0.9, config=config)
    ablations = [one for stem, one in drawn(runs / "digits_compare").items() if stem.startswith("ablation")]
    assert [axis_of(one, "x")["title"] for one in ablations] == ["learning rate"] * 2
    assert [one.title for one in ablations] == [f"Test top-1 by learning rate on {data}" for data in ("digits", "svhn")]


def test_classes_and_confusions_of_the_best_and_the_baseline(make_run, compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9 if "lkca" in path.name else 0.8, num_images=100, num_classes=5)
    figures = drawn(compared)
    assert values(rows(figures["classes"], variant="lkca"), "mean") == [[90.0] * 5]
    cells = [row for row in rows(figures["confusion-lkca"], "rect") if row["label"] == "2"]
    assert values(cells, "predicted", "share") == [["2", "3"], [0.9, 0.1]]
    assert "confusion-attention" in figures


def test_classes_have_the_names_that_the_records_know(compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9, num_images=100, num_classes=3)
        alter(path, class_names=["cat", "cat", "<b>"])
    assert axis_of(drawn(compared)["classes"], "y")["sort"] == ["0 cat", "1 cat", "<b>"]


def test_of_many_classes_those_that_differ_are_drawn(make_run, compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9, num_images=1000, num_classes=100)
    chart = drawn(compared)["classes"]
    assert len(axis_of(chart, "y")["sort"]) == 20
    assert "Of 100 classes the 20" in chart.note


def test_damaged_predictions_are_left_out(compared):
    for path, content in zip(compared.iterdir(), [b"", b"PK\x03\x04", b"x" * 99], strict=False):
        (path / "predictions.npz").write_bytes(content)
    assert not any(stem.startswith(("classes", "confusion")) for stem in drawn(compared))


def test_curves_of_an_analysis_are_shades_of_the_variant(compared):
    folder = next(compared.glob("digits-lkca-s0-*")) / "analysis"
    folder.mkdir()
    series = {"block 0": [1, None, 3], "block 1": [4, 5, 6]}
    text = {"title": "Reach", "x_label": "radius", "y_label": "share", "x": [0, 1, 2], "series": series}
    (folder / "reach.json").write_text(json.dumps(text))
    content = gather([compared], Choice(), [])
    (chart,) = content.blocks[-1].runs[0].charts
    assert values(rows(chart, variant="block 0"), "x", "y") == [[0, 2], [1, 3]]
    first, last = chart.style.values()
    assert last.colour == content.style["lkca"].colour != first.colour


def test_every_chart_is_drawn_on_the_page_and_as_files(make_run, compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9)
    make_run("lkca", 5, 0.9, config={"model.mixer.kernel_size": 3})
    charts = drawn(compared)
    assert len(charts) >= 9
    for chart in charts.values():
        still = ElementTree.fromstring(inline(chart))
        assert (float(still.get("width", 0)), float(still.get("height", 0))) == (WIDTH, pytest.approx(chart.height))
        assert not {INK, "#ffffff"} & {element.get("fill") for element in still.iter()}, "the page's colours"
        alone = ElementTree.fromstring(svg(chart))
        assert (alone.get("width"), alone.get("role"), alone.get("aria-label")) == ("252pt", "img", chart.title)
        assert any(element.get("fill") == "white" or element.get("fill") == "#ffffff" for element in alone.iter())
        assert b"[0 0 252 " in pdf(chart)
        assert not {"width", "height"} & json.loads(specification(chart)).keys()
        alt.LayerChart.from_dict(json.loads(specification(chart)))  # raises for what is no Vega-Lite


def test_a_file_has_a_legend_where_no_axis_names_the_variants(compared):
    charts = drawn(compared)
    for stem, times in (("seeds", 1), ("curve-train-loss", 1), ("cost-parameters", 1)):
        assert "".join(ElementTree.fromstring(svg(charts[stem])).itertext()).count("attention") == times


def test_a_legend_shows_points_or_pieces_of_line(compared, make_run):
    """Points that are outlined in dashes have no shape any more."""
    for size in (3, 5):
        make_run("lkca", 0, 0.9, config={"model.mixer.kernel_size": size})
    charts = drawn(compared)

    def symbols(stem: str) -> list[dict[str, str]]:
        drawing = ElementTree.fromstring(svg(charts[stem]))
        return [
            symbol.attrib
            for group in drawing.iter()
            if "role-legend-symbol" in group.get("class", "")
            for symbol in group
        ]

    points, pieces = symbols("ablation-model.mixer.kernel_size"), symbols("curve-train-loss")
    assert {point["fill"] for point in points} == {COLOURS[3], INK}
    assert not any("stroke-dasharray" in point for point in points)
    assert not any("fill" in piece for piece in pieces)
    assert {piece["stroke-dasharray"] for piece in pieces} == {"1,0", "4,2"}


def test_what_the_pages_script_draws_has_no_legend(compared):
    for chart in drawn(compared).values():
        assert not vl_convert.vegalite_to_vega(specification(chart)).get("legends"), chart.slug


def test_the_page_has_the_same_drawing_without_its_legend(compared):
    """Which stands below, so that a lower picture leaves it out."""
    chart = drawn(compared)["curve-train-loss"]
    page, alone = (ElementTree.fromstring(text) for text in (inline(chart), svg(chart)))
    lower = float(alone.get("height").removesuffix("pt")) * 1.5 - float(page.get("height"))
    assert lower == pytest.approx(30, abs=0.1), "a row and the gap above it"
