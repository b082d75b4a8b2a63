from __future__ import annotations

import json

import pytest

from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.figures.labels import labels
from lkca_exp.report.figures.model import Dots, Figure, Front, Heatmap, Level, Line, Mean, Plot
from lkca_exp.report.figures.shapes import shortened
from lkca_exp.report.figures.styles import COLOURS, MOST_DRAWN
from lkca_exp.report.sections.cost import pareto
from tests.report.conftest import alter, write_predictions


def drawn(study, **choice) -> dict[str, Figure]:
    return gather([study], Choice(**choice), []).figures()


def marks(figure: Figure, kind: type, name: str = "lkca") -> list:
    assert isinstance(figure, Plot)
    return [mark for mark in figure.marks if isinstance(mark, kind) and mark.name == name]


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
    (line,) = marks(accuracy, Line)
    assert (list(line.x), list(line.y)) == ([1, 2, 3], [30.0, 70.0, 90.0])
    assert list(marks(loss, Line)[0].y) == [2.1, 1.2, 0.6]


def test_a_line_is_the_mean_and_the_band_spans_the_seeds(make_run, runs):
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        make_run("lkca", seed, 0.9, rows=[{"epoch": 0, "train/loss": loss}])
    (line,) = marks(drawn(runs / "digits_compare")["curve-train-loss"], Line)
    assert (line.low, line.high, line.y) == ([1.0], [6.0], [3.0])


def test_an_epoch_that_a_seed_lacks_is_not_drawn(make_run, runs):
    """Else the mean would jump where a run is missing."""
    make_run("lkca", 0, rows=[{"epoch": 0, "train/loss": 3.0}, {"epoch": 1, "train/loss": 2.0}])
    make_run("lkca", 1, rows=[{"epoch": 0, "train/loss": 5.0}, {"epoch": 1, "train/loss": float("nan")}])
    make_run("lkca", 2, rows=[])
    (line,) = marks(drawn(runs / "digits_compare")["curve-train-loss"], Line)
    assert (line.x, line.y) == ([1], [4.0])


def test_an_unfinished_run_is_a_line_of_its_own_and_in_no_mean(make_run, runs):
    make_run("lkca", 0, 0.9, rows=[{"epoch": 0, "train/loss": 1.0}])
    make_run("lkca", 1, None, status="failed", rows=[{"epoch": 0, "train/loss": 9.0}, {"epoch": 1, "train/loss": 8.0}])
    mean, own = marks(drawn(runs / "digits_compare")["curve-train-loss"], Line)
    assert (mean.y, mean.faint) == ([1.0], False)
    assert (own.y, own.faint, own.remark) == ((9.0, 8.0), True, "lkca, seed 1: failed at epoch 2")


def test_no_finished_run_draws_only_its_progress(make_run, runs):
    make_run("lkca", 0, None, status="running")
    assert list(drawn(runs / "digits_compare")) == ["curve-train-top1", "curve-train-loss"]


def test_a_variant_keeps_its_style_in_all_figures_and_settings(make_run, compared):
    for mixer in ("attention", "lkca"):
        make_run(mixer, 0, 0.8, config={"data.fraction": 0.2})
    for path in compared.glob("*-s0-*"):
        write_predictions(path, 0.9)
    styled = [
        (mark.name, mark.style)
        for figure in drawn(compared).values()
        if isinstance(figure, Plot)
        for mark in figure.marks
        if not isinstance(mark, Front)
    ]
    assert len(styled) > 20
    assert {(name, style.colour) for name, style in styled} == {("attention", COLOURS[0]), ("lkca", COLOURS[1])}
    assert len(set(styled)) == 2


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
    names = [mark.name for mark in seeds.marks if isinstance(mark, Mean)]
    assert len(names) == MOST_DRAWN
    assert (names[0], names[-1]) == ("lkca kernel_size=39", "attention")
    assert "Of 21 variants the best are drawn" in seeds.note


def test_every_seed_is_a_dot_and_the_bar_is_the_interval(compared):
    figure = drawn(compared)["seeds"]
    (dots,), (mean,) = marks(figure, Dots), marks(figure, Mean)
    assert dots.x == [98.0, 98.0, 99.0]
    assert dots.tips[2] == "lkca, seed 2: 99.00"
    assert (mean.x, mean.low, mean.high) == pytest.approx((98.3333, 96.8991, 99.7676), abs=1e-3)


def test_a_bar_ends_at_a_hundred_percent(make_run, runs):
    for seed, top1 in enumerate([0.99, 1.0]):
        make_run("lkca", seed, top1)
    (mean,) = marks(drawn(runs / "digits_compare")["seeds"], Mean)
    assert (mean.x, mean.high) == (99.5, 100)


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
    (lkca,), (attention,) = (marks(figures["cost-parameters"], Mean, name) for name in ("lkca", "attention"))
    assert ((lkca.x, lkca.y), attention.x) == ((93322, pytest.approx(98.3333, abs=1e-3)), 100_000)
    (front,) = [mark for mark in figures["cost-parameters"].marks if isinstance(mark, Front)]
    assert front.x == (93322,)
    make_run("lkca", 5, 0.9, device={"name": "other"})
    assert "cost-throughput" not in drawn(compared)


def test_an_ablation_has_a_line_and_the_baseline_as_a_level(make_run, runs):
    for seed in range(2):
        make_run("attention", seed, 0.80 + 0.01 * seed)
        for size in (3, 5, 15):
            make_run("lkca", seed, 0.85 + size / 1000 + 0.01 * seed, config={"model.mixer.kernel_size": size})
    figure = drawn(runs / "digits_compare")["ablation-model.mixer.kernel_size"]
    (line,), (level,) = marks(figure, Line), marks(figure, Level, "attention")
    assert (line.x, line.y) == ([3, 5, 15], pytest.approx([85.8, 86.0, 87.0]))
    assert (line.low[0], line.high[0]) == pytest.approx((85.8 - 6.353, 85.8 + 6.353), abs=1e-2)
    assert level.y == pytest.approx(80.5)


def test_an_ablation_over_the_data_compares_all_mixers(make_run, runs):
    for fraction in (0.1, 0.5, 1.0):
        for mixer, lead in (("attention", 0), ("lkca", 0.05)):
            make_run(mixer, 0, fraction / 2 + lead, config={"data.fraction": fraction})
    figures = drawn(runs / "digits_compare")
    figure = figures["ablation-data.fraction"]
    assert marks(figure, Line)[0].y == pytest.approx([10, 30, 55])
    assert marks(figure, Line, "attention")[0].x == [0.1, 0.5, 1.0]
    assert [mark for mark in figure.marks if isinstance(mark, Level)] == []


def test_an_ablation_never_joins_other_configurations(make_run, runs):
    for size in (3, 5):
        for lr in (0.1, 0.2):
            config = {"model.mixer.kernel_size": size, "optim.lr": lr, "data.name": "digits" if size == 3 else "svhn"}
            make_run("lkca", 0, 0.9, config=config)
    ablations = [one for stem, one in drawn(runs / "digits_compare").items() if stem.startswith("ablation")]
    assert [one.x.title for one in ablations] == ["optim.lr", "optim.lr"]
    assert [one.title for one in ablations] == ["Test top-1 by lr on digits", "Test top-1 by lr on svhn"]


def test_classes_and_confusions_of_the_best_and_the_baseline(make_run, compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9 if "lkca" in path.name else 0.8, num_images=100, num_classes=5)
    figures = drawn(compared)
    (dots,) = marks(figures["classes"], Dots)
    assert dots.x == [90.0] * 5
    heat = figures["confusion-lkca"]
    assert isinstance(heat, Heatmap)
    assert heat.shares[2].tolist() == [0, 0, 0.9, 0.1, 0]
    assert "confusion-attention" in figures


def test_classes_have_the_names_that_the_records_know(compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9, num_images=100, num_classes=3)
        alter(path, class_names=["cat", "dog", "<b>"])
    figure = drawn(compared)["classes"]
    assert isinstance(figure, Plot)
    assert figure.y.names == ("0 cat", "1 dog", "2 <b>")


def test_of_many_classes_those_that_differ_are_drawn(make_run, compared):
    for path in compared.iterdir():
        write_predictions(path, 0.9, num_images=1000, num_classes=100)
    figure = drawn(compared)["classes"]
    assert isinstance(figure, Plot)
    assert len(figure.y.names) == 20
    assert "Of 100 classes the 20" in figure.note


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
    (figure,) = content.blocks[-1].runs[0].figures
    (first,), (last,) = marks(figure, Line, "block 0"), marks(figure, Line, "block 1")
    assert (first.x, first.y) == ((0, 2), (1, 3))
    assert last.style.colour == content.style["lkca"].colour != first.style.colour


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lkca kernel_size=13", "lkca kernel_size=13"),
        ("lkca sharing=channel projections=false", "lkca sh…=channel pr…=false"),
        ("a name that is long and has no settings", "a name that is long and h…"),
    ],
)
def test_a_long_name_keeps_the_values_of_its_settings(name, shown):
    assert shortened(name) == shown


def test_names_stand_beside_points_where_there_is_room_for_all():
    apart, near = [("a", 10, 10), ("b", 10, 40)], [("a", 10, 10), ("b", 12, 16)]
    assert [text.count("<text") for text in labels(apart, 400)] == [1, 1]
    assert labels(near, 400) == []
    assert labels([("a", 10, 10), ("b", 22, 10)], 400) == []  # the name of a would cover b
