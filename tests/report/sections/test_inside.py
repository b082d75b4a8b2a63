from __future__ import annotations

import base64
import json

import pytest

from lkca_exp.report.read import analysis
from lkca_exp.report.read.analysis import LARGEST_BYTES, Extras, Picture, read_extras
from lkca_exp.report.read.load import read_run

GOOD = {"title": "t", "x_label": "x", "y_label": "y", "x": [0, 1], "series": {"a": [1, 2]}}


@pytest.fixture
def folder(make_run):
    path = make_run() / "analysis"
    path.mkdir()
    return path


def test_a_run_without_analysis(make_run):
    assert read_extras(read_run(make_run())) == Extras()


def test_pictures_carry_their_file_and_curves_their_numbers(folder):
    (folder / "kernels.png").write_bytes(b"\x89PNG")
    (folder / "field.svg").write_text("<svg/>")
    (folder / "curve.json").write_text(json.dumps(GOOD | {"series": {"a": [1, None]}}))
    (folder / "notes.txt").write_text("")
    found = read_extras(read_run(folder.parent))
    assert [(one.stem, one.address[:19]) for one in found.pictures] == [
        ("field", "data:image/svg+xml;"),
        ("kernels", "data:image/png;base"),
    ]
    assert base64.b64decode(found.pictures[1].address.partition(",")[2]) == b"\x89PNG"
    (curves,) = found.curves
    assert (curves.stem, curves.x, curves.series) == ("curve", [0, 1], {"a": [1, None]})
    assert found.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps(GOOD | {"series": {"a": [1]}}),
        json.dumps(GOOD | {"x": [0, None]}),
        json.dumps(GOOD | {"x": []}),
        json.dumps(GOOD | {"series": {}}),
        json.dumps(GOOD | {"series": {"a": [None, "2"]}}),
        json.dumps(GOOD | {"series": {"a": 3}}),
    ],
)
def test_curves_that_cannot_be_drawn_are_named(folder, text):
    (folder / "curve.json").write_text(text)
    found = read_extras(read_run(folder.parent))
    assert found.curves == ()
    assert len(found.problems) == 1
    assert "analysis/curve.json: " in found.problems[0]


def test_pictures_past_what_the_page_can_hold_are_named_and_not_read(folder, monkeypatch):
    for name in "abc":
        (folder / f"{name}.png").write_bytes(bytes(300))
    encoded = []
    monkeypatch.setattr(analysis, "_picture", lambda path: encoded.append(path.stem) or Picture(path.stem, "x" * 400))
    found = read_extras(read_run(folder.parent), room=900)
    assert encoded == [picture.stem for picture in found.pictures] == ["a", "b"]
    assert found.problems == (f"{folder.parent.name}/analysis/c.png: the page is full",)


def test_what_is_too_large_is_named(folder):
    (folder / "kernels.png").write_bytes(bytes(LARGEST_BYTES + 1))
    assert "larger than 1 MB" in read_extras(read_run(folder.parent)).problems[0]
