from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from rich.console import Console

from lkca_exp.report.build import report
from lkca_exp.report.charts.style import COLOURS
from lkca_exp.report.page.page import marked
from lkca_exp.runs.record import Failure
from tests.report.conftest import write_predictions, write_reach

STUDY = "<img src=x onerror=alert(4)>"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onclick='alert(3)'"


class Page(HTMLParser):
    """The elements of a page with their attributes, the text outside scripts, styles and contents, the scripts, and
    the data of charts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.charts: list[str] = []
        self.text = self.inside = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style", "nav"):
            self.inside = "data" if ("type", "application/json") in attributes else tag

    def handle_endtag(self, tag):
        self.inside = "" if tag in ("script", "style", "nav") else self.inside

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside == "data":
            self.charts.append(data)
        elif self.inside not in ("style", "nav"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(*studies: Path) -> Page:
    return Page(report(list(studies), Console(quiet=True)))


def test_the_page_answers_first_then_shows(compared):
    text = page_of(compared).text
    parts = [
        "3.00 points above attention",
        "Variants\n",
        "Training loss by epoch",
        "digits-lkca",
        "How to reproduce",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_page_asks_no_server(compared):
    page = page_of(compared)
    links = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")]
    assert [value for value in links if not str(value).startswith(("runs/", "data:", "#"))] == []
    assert "@import" not in (compared / "report" / "index.html").read_text(encoding="utf-8").split("<body>")[0]


def test_tables_and_figures_need_no_script(compared):
    page = page_of(compared)
    assert len(page.all("table")) == len(page.all("thead")) == 2
    assert page.text.count("Top-1 %") == 2
    assert "96.90 to 99.77" in page.text
    assert len([one for one in page.all("svg") if one.get("class") == "marks"]) == len(page.all("figure")) == 7
    charts = [one for one in page.all("div") if one.get("class") == "chart"]
    assert [one["role"] for one in charts] == ["img"] * 7
    assert {"Training loss by epoch", "Test top-1, seed by seed"} < {one["aria-label"] for one in charts}


def test_a_variant_has_one_colour_in_tables_and_figures(compared):
    page = page_of(compared)
    colours = {str(one["stroke"]) for one in page.all("path") if one.get("stroke-width") == "2.5"}
    assert colours == {"var(--ink)", COLOURS[0]}
    for text in page.charts:
        assert all(colour in text for colour in colours)


def test_hostile_names_are_text(make_run, runs):
    reference = make_run("lkca", study="plain").parent
    make_run(
        HOSTILE,
        label=HOSTILE,
        config={"optim.name": HOSTILE, "data.name": HOSTILE},
        error=Failure("ValueError", HOSTILE, ""),
        warnings=(HOSTILE,),
        command=HOSTILE,
        versions={HOSTILE: HOSTILE},
        git={"commit": HOSTILE, "dirty": True},
        device={"name": HOSTILE, "accelerator": "cpu"},
        reused_from=HOSTILE,
        selected_on=HOSTILE,
        study=STUDY,
    )
    for path in (runs / STUDY).iterdir():
        write_predictions(path, 0.9)
        (path / "analysis").mkdir()
        curves = {"title": HOSTILE, "x_label": HOSTILE, "y_label": HOSTILE, "x": [1, 2], "series": {HOSTILE: [1, 2]}}
        (path / "analysis" / "curves.json").write_text(json.dumps(curves))
        (path / "analysis" / "bad.svg").write_text(HOSTILE)
        write_reach(path, [[0.5, 1.0]], radii=[1.0])
    damaged = make_run("lkca", 1, label=HOSTILE, study=STUDY)
    (damaged / "run.json").write_text(json.dumps({"format": HOSTILE}))
    page, plain = page_of(runs / STUDY), page_of(reference)
    assert len(page.scripts) == len(plain.scripts) == 2
    for text in page.charts:
        json.loads(text)
    assert {str(one["src"])[:15] for one in page.all("img")} == {"data:image/svg+"}
    handlers = [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert handlers == []
    assert page.text.count("<script>alert(1)</script>") >= 10
    drawings = list((runs / STUDY / "report" / "figures").glob("*.svg"))
    assert len(drawings) >= 5
    for path in drawings:
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert tags <= {"svg", "title", "g", "path", "line", "text", "rect", "image", "defs", "clipPath"}


def test_a_sentence_and_a_chart_answer_and_what_is_long_opens_on_click(make_run, compared):
    make_run("lkca_depthwise", 0, 0.97)
    page = page_of(compared)
    before = page.text.partition("Variants\n")[0]
    assert "Difference from attention in top-1, points (95 % CI)" in before
    closed = [one for one in page.all("details") if "open" not in one]
    assert len(closed) >= 2
    assert before.index("best: lkca") < before.index("Details") < before.index("owes something of its lead to chance")
    assert [one["href"] for one in page.all("a")][:2] == ["#variants", "#part-1"]
    assert {"variants", "part-1", "runs", "reproduce"} <= {one.get("id") for one in page.all("section")}


def test_of_three_settings_on_each_has_a_line_that_opens(make_run, compared):
    for fraction in (0.2, 0.5):
        assert not [one for one in page_of(compared).all("details") if one.get("class") == "in-brief"]
        for mixer in ("attention", "lkca"):
            make_run(mixer, 0, 0.8, config={"data.fraction": fraction})
    page = page_of(compared)
    lines = [one for one in page.all("details") if one.get("class") == "in-brief"]
    assert len(lines) == 3
    assert all("open" not in one for one in lines)
    answer = page.text.partition("The table\n")[0]
    assert "Differences from attention, at the line, with 95" in answer
    assert answer.index("1 of 1 above, 0 below; best: lkca") < answer.index("lkca is 3.00 points above attention")


def test_every_run_links_to_its_page(make_run, runs, compared):
    make_run("lkca", 0, 0.5, study="other study", label="50% #1?", config={"epochs": 9})
    page = page_of(compared, runs / "other study")
    links = [str(one["href"]) for one in page.all("a") if not str(one["href"]).startswith("#")]
    assert not any(mark in link for link in links for mark in " #?")
    pages = {(compared / "report" / unquote(link)).resolve() for link in links}
    assert len(pages) == 7
    assert all(page.is_file() for page in pages)


def test_states_errors_and_what_was_left_out_are_shown(make_run, compared):
    make_run("lkca", 3, None, status="failed", error=Failure("RuntimeError", "loss is not finite", ""))
    make_run("lkca", 4, None, status="running", rows=[{"epoch": 0}, {"epoch": 1}])
    (make_run("lkca", 5) / "run.json").write_text("{")
    text = page_of(compared).text
    for part in ("failed", "RuntimeError: loss is not finite", "epoch 2 of 3", "run.json is damaged", "Left out"):
        assert part in text


def test_how_to_reproduce(compared):
    text = page_of(compared).text
    for part in ("python -m lkca_exp +experiment=digits_compare", "torch 2.14.1", "AMD EPYC, 2 threads", "012345678"):
        assert part in text
    assert "Nothing was held out: trained on all training images" in text


def test_what_no_record_says_and_no_mean_needs_is_not_told(make_run, runs):
    make_run("lkca", 0, git={})
    make_run("lkca", 1, None, status="failed", git={}, command="python -m lkca_exp model.nonsense=1")
    text = page_of(runs / "digits_compare").text
    assert "Commit" not in text
    assert "nonsense" not in text


def test_uncommitted_changes_are_marked(make_run, runs):
    make_run(git={"commit": "feedbeefcafe", "dirty": True})
    assert "feedbeefc+" in page_of(runs / "digits_compare").text


def test_selected_on_test_is_stamped(make_run, runs):
    make_run(protocol="best_on_test", selected_on="test")
    stamps = [one for one in page_of(runs / "digits_compare").all("span") if one.get("class") == "stamp"]
    assert len(stamps) == 3  # the answer, the variant and the run


def test_a_page_without_finished_runs(make_run, runs):
    make_run("lkca", 0, None, status="failed", rows=[])
    page = page_of(runs / "digits_compare")
    assert "has no finished run" in page.text
    assert not page.all("figure")


def test_what_is_under_way_comes_before_the_tables(make_run, compared):
    make_run("lkca", 3, None, status="running", rows=[{"epoch": 0}, {"epoch": 1}])
    page = page_of(compared)
    assert page.text.index("Not finished") < page.text.index("Variants\n")
    assert "2 of 3" in page.text
    (bar,) = page.all("progress")
    assert float(str(bar["value"])) == pytest.approx(2 / 3)


def test_several_data_sets_make_the_table_of_a_paper(make_run, compared):
    assert "The table" not in page_of(compared).text
    make_run("lkca", 0, 0.9, config={"data.name": "svhn"})
    assert "The table" in page_of(compared).text


def test_what_an_analysis_left_is_shown_with_its_name(make_run, compared):
    folder = next(compared.glob("digits-lkca-s1-*")) / "analysis"
    folder.mkdir()
    (folder / "kernels.png").write_bytes(b"png")
    (folder / "reach.json").write_text(
        json.dumps(
            {"title": "Reach", "x_label": "radius", "y_label": "share", "x": [0, 1], "series": {"block 0": [0, 1]}}
        )
    )
    (folder / "broken.json").write_text("{")
    page = page_of(compared)
    assert [str(one["src"])[:22] for one in page.all("img")] == ["data:image/png;base64,"]
    for part in ("Inside the models", "lkca, seed 1", "kernels", "Reach: lkca, seed 1", "radius", "block 0"):
        assert part in page.text
    assert "analysis/broken.json: " in page.text


def test_mean_attention_distance_has_its_section(compared):
    for folder in compared.iterdir():
        write_reach(folder, [[0.5, 1.0], [0.6, 1.0]], radii=[1.0, 2.0])
    page = page_of(compared)
    for part in (
        "Mean attention distance and effective receptive field",
        "if all tokens were read alike",
        "Mean attention distance by layer",
        "layer 2",
        "4 more charts",
    ):
        assert part in page.text
    assert len(page.all("image")) == 4
    assert "Inside the models" not in page.text


def test_agreement_on_the_same_images(compared):
    for folder in compared.iterdir():
        write_predictions(folder, 0.9 if "lkca" in folder.name else 0.8)
    page = page_of(compared)
    for part in (
        "The same test images",
        "Both right %",
        "80.00",
        "10.00",
        "class by class",
        "What lkca takes for what",
    ):
        assert part in page.text


def test_a_page_of_damaged_records_only(make_run, runs):
    (make_run() / "run.json").write_text("{")
    assert "Of 1 run these are in no mean: 1 unreadable." in page_of(runs / "digits_compare").text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("-1.20 to +3.00", "\N{MINUS SIGN}1.20 to +3.00"),
        ("digits-3 a-1", "digits-3 a-1"),
        ("2 (selected on validation)", '2 <span class="stamp">selected on validation</span>'),
        ("<b> (selected on test)", '&lt;b&gt; <span class="stamp">selected on test</span>'),
    ],
)
def test_marked(text, html):
    assert marked(text) == html
