from __future__ import annotations

import re
from dataclasses import replace

import pytest
import vl_convert
from rich.console import Console

from lkca_exp.report.build import report
from lkca_exp.report.page import run_page as pages
from lkca_exp.report.page.run_page import changed_keys, page_names, run_charts, run_page
from lkca_exp.report.read.load import read_run
from lkca_exp.runs.record import Attempt, Failure
from lkca_exp.runs.rows import write_rows
from tests.report.conftest import rows

HOSTILE = "</pre><script>alert(1)</script>"


def html(folder) -> str:
    return run_page(read_run(folder), "folder/", "../index.html")


def test_every_run_has_a_page_that_the_report_links_to_and_that_links_back(compared):
    index = report([compared], Console(quiet=True))
    linked = set(re.findall(r'href="(runs/[^"]*)"', index.read_text()))
    assert len(linked) == 6
    for address in linked:
        page = index.parent / address
        text = page.read_text()
        assert 'href="../index.html"' in text
        for name in ("run.json", "metrics.jsonl"):
            (there,) = re.findall(rf'href="([^"]*/{name})"', text)
            assert (page.parent / there).is_file()


def test_pages_of_an_earlier_report_are_gone(compared):
    stale = compared / "report" / "runs" / "old.html"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    report([compared], Console(quiet=True))
    assert not stale.exists()


def test_a_later_report_draws_only_what_has_changed(make_run):
    same, changed = make_run("lkca", 0), make_run("lkca", 1)
    index = report([same.parent], Console(quiet=True))
    pages_of_runs = [index.parent / "runs" / f"{folder.name}.html" for folder in (same, changed)]
    for page in pages_of_runs:
        page.write_text(page.read_text().replace("</svg>", "<!-- drawn before --></svg>"))
    write_rows(changed / "metrics.jsonl", [{"epoch": 0, "step": 1, "train/loss": 0.123}])
    report([same.parent], Console(quiet=True))
    assert ["drawn before" in page.read_text() for page in pages_of_runs] == [True, False]


def test_charts_of_one_kind_are_compiled_once(make_run, monkeypatch):
    compiled = []
    compile_one = vl_convert.vegalite_to_vega
    monkeypatch.setattr(vl_convert, "vegalite_to_vega", lambda spec: compiled.append(spec) or compile_one(spec))
    folders = [
        make_run("lkca", seed, rows=[{"epoch": epoch, "lr": (seed + 1) / 7**epoch} for epoch in range(4)])
        for seed in range(3)
    ]
    drawings = {re.search("<svg.*</svg>", html(folder), re.DOTALL)[0] for folder in folders}
    assert len(drawings) == 3
    assert len(compiled) <= 1


def test_too_many_runs_link_to_their_folders_and_the_page_says_so(compared, monkeypatch):
    monkeypatch.setattr(pages, "MOST_PAGES", 5)
    index = report([compared], Console(quiet=True))
    text = index.read_text()
    assert list((index.parent / "runs").iterdir()) == []
    assert "The 6 runs link to their folders" in text
    assert re.search(r'href="\.\./digits-lkca-s0-\w+/"', text)


def test_runs_of_one_name_in_two_studies_have_two_pages(make_run, runs):
    folders = [make_run("lkca", study=study) for study in ("one", "two")]
    names = page_names([read_run(folder) for folder in folders])
    assert folders[0].name == folders[1].name
    assert len(set(names.values())) == 2


def test_it_has_what_was_changed_and_what_was_measured(make_run):
    folder = make_run("lkca", 3, 0.9, config={"optim.lr": 0.0035})
    (folder / "train.log").write_text("first\n" * 100 + "last line\n")
    keys = changed_keys(read_run(folder))
    assert keys["optim.lr"] == 0.0035
    assert keys["model.mixer.name"] == "lkca"
    assert keys["epochs"] == 3
    assert "optim.weight_decay" not in keys
    text = html(folder)
    for word in ("0.0035", "test/top1", "93,322", "AMD EPYC", "torch", "0123456789abcdef", "last line", "here"):
        assert word in text
    assert text.count("first\n") == 39


def test_it_says_how_a_run_failed(make_run):
    attempts = (Attempt(status="killed", host="a"), Attempt(status="failed", host="b", from_epoch=2))
    failure = Failure("ValueError", "no luck", "Traceback: line 7\nValueError: no luck")
    text = html(make_run("lkca", 0, None, status="failed", error=failure, attempts=attempts))
    assert "Traceback: line 7\nValueError: no luck" in text
    assert text.index("killed</td>") < text.index("failed</td>")


def test_its_curves(make_run):
    numbers = {"lr": 0.1, "train/loss": 2.0, "val/loss": 2.5, "train/top1": 0.25, "train/gradient_norm": 3.0}
    folder = make_run("lkca", rows=[{"epoch": epoch, **numbers} for epoch in range(500)])
    loss, top1, lr, norm = run_charts(read_run(folder))
    assert [chart.title for chart in (loss, top1, lr, norm)] == [
        "Loss",
        "Training top-1 (%)",
        "Learning rate",
        "Gradient norm before clipping",
    ]
    assert {row["variant"] for row in rows(loss, "line")} == {"training", "validation"}
    assert rows(top1, "line")[-1] == {"variant": "training", "mean": 25, "x": 500}
    assert len(rows(lr, "line")) <= 150


def test_it_has_no_script_and_names_are_text(make_run):
    folder = make_run("lkca", label=HOSTILE, status="failed", error=Failure(HOSTILE, HOSTILE, HOSTILE), command=HOSTILE)
    (folder / "train.log").write_bytes(HOSTILE.encode() + b"\xff\x1b[31m")
    (folder / "analysis").mkdir()
    (folder / "analysis" / f"{HOSTILE.replace('/', '')}.png").write_bytes(b"")
    text = html(folder)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text


@pytest.mark.parametrize("status", ["finished", "failed"])
def test_a_run_without_rows_and_log(make_run, status):
    folder = make_run("lkca", top1=0.9 if status == "finished" else None, status=status, rows=[])
    text = html(folder)
    assert "Curves" not in text
    assert "End of the log" not in text


def test_odd_option_names(make_run):
    run = read_run(make_run("lkca"))
    for value in ([], None, 7, "nothing"):
        assert "seed" not in changed_keys(replace(run, config={**run.config, "model.mixer.name": value}))
