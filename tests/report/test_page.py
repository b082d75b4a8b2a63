from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from rich.console import Console

from lkca_exp.report.build import report
from lkca_exp.report.page import marked

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onclick='alert(3)'"


class Page(HTMLParser):
    """The elements of a page with their attributes, the text outside scripts and styles, and the scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = self.inside = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = tag if tag in ("script", "style") else self.inside

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(*studies: Path) -> Page:
    return Page(report(list(studies), Console(quiet=True)))


def test_the_page_answers_first_then_shows(compared):
    text = page_of(compared).text
    parts = ["reaches 98.33 % top-1", "Variants\n", "Training loss by epoch", "digits-lkca", "How to reproduce"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_page_asks_no_server(compared):
    page = page_of(compared)
    links = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")]
    assert [value for value in links if not str(value).startswith(("../", "data:"))] == []
    assert "@import" not in (compared / "report" / "index.html").read_text(encoding="utf-8").split("<body>")[0]


def test_plotly_is_there_once_and_the_figures_are_json(compared):
    page = page_of(compared)
    assert [len(script) > 1_000_000 for script in page.scripts].count(True) == 1
    figures = json.loads(page.scripts[1])
    assert len(figures) == len([one for one in page.all("div") if one.get("class") == "plot"]) == 3


def test_tables_need_no_script(compared):
    page = page_of(compared)
    assert len(page.all("table")) == len(page.all("thead")) == 2
    assert page.text.count("Top-1 %") == 2
    assert "96.90 to 99.77" in page.text
    assert len(page.all("noscript")) == 1


def test_hostile_names_are_text(make_run, runs):
    reference = make_run("lkca", study="plain").parent
    make_run(
        HOSTILE,
        label=HOSTILE,
        config={"optim.name": HOSTILE, "data.name": HOSTILE},
        error={"type": "ValueError", "message": HOSTILE},
        warnings=[HOSTILE],
        command=HOSTILE,
        versions={HOSTILE: HOSTILE},
        git={"commit": HOSTILE, "dirty": True},
        device={"name": HOSTILE, "accelerator": "cpu"},
        reused_from=HOSTILE,
        selected_on=HOSTILE,
        study="hostile",
    )
    damaged = make_run("lkca", 1, label=HOSTILE, study="hostile")
    (damaged / "run.json").write_text(json.dumps({"format": HOSTILE}))
    page, plain = page_of(runs / "hostile"), page_of(reference)
    assert len(page.all("script")) == len(plain.all("script")) == 3
    assert not page.all("img")
    handlers = [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert handlers == []
    assert page.text.count("<script>alert(1)</script>") >= 10
    names = {trace["name"] for figure in json.loads(page.scripts[1]) for trace in figure["data"]}
    assert not any("<" in name for name in names)


def test_every_run_links_to_its_folder(make_run, runs, compared):
    make_run("lkca", 0, 0.5, study="other study", label="50% #1?", config={"epochs": 9})
    page = page_of(compared, runs / "other study")
    assert not any(mark in str(one["href"]) for one in page.all("a") for mark in " #?")
    folders = [(compared / "report" / unquote(str(one["href"]))).resolve() for one in page.all("a")]
    assert len(folders) == 7
    assert all((folder / "run.json").exists() for folder in folders)


def test_states_errors_and_what_was_left_out_are_shown(make_run, compared):
    make_run("lkca", 3, None, status="failed", error={"type": "RuntimeError", "message": "loss is not finite"})
    make_run("lkca", 4, None, status="running", rows=[{"epoch": 0}, {"epoch": 1}])
    (make_run("lkca", 5) / "run.json").write_text("{")
    text = page_of(compared).text
    for part in ("failed", "RuntimeError: loss is not finite", "epoch 2 of 3", "run.json is damaged", "Left out"):
        assert part in text


def test_how_to_reproduce(compared):
    text = page_of(compared).text
    for part in ("python -m lkca_exp +experiment=digits_compare", "torch 2.14.1", "AMD EPYC, 2 threads", "012345678"):
        assert part in text
    assert "Trained on all training images; nothing was selected" in text


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


def test_a_page_without_finished_runs_needs_no_plotly(make_run, runs):
    make_run("lkca", 0, None, status="failed")
    page = page_of(runs / "digits_compare")
    assert "has no finished run" in page.text
    assert page.scripts == []


def test_a_page_of_damaged_records_only(make_run, runs):
    (make_run() / "run.json").write_text("{")
    assert "Of 1 run these are in no mean: 1 unreadable." in page_of(runs / "digits_compare").text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("-1.20 to +3.00", "\N{MINUS SIGN}1.20 to +3.00"),
        ("digits-3 a-1", "digits-3 a-1"),
        ("<b> (selected on test)", '&lt;b&gt; <span class="stamp">selected on test</span>'),
    ],
)
def test_marked(text, html):
    assert marked(text) == html
