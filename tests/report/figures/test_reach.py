from __future__ import annotations

import base64
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.figures.model import Line, TileRow, Tiles
from lkca_exp.report.figures.svg import svg
from lkca_exp.report.figures.tiles import PALETTE, address
from lkca_exp.report.sections.reach import ALL_ALIKE, spread
from tests.report.conftest import write_reach


@pytest.mark.parametrize(
    ("many", "places"), [(1, [0]), (2, [0, 1]), (6, [0, 1, 2, 3, 4, 5]), (12, [0, 2, 4, 7, 9, 11])]
)
def test_of_many_layers_some_are_drawn_with_both_ends(many, places):
    assert spread(many) == places


def figures(study):
    return gather([study], Choice(), []).figures()


def test_lines_over_layers_with_a_band_over_seeds(make_run, runs):
    for seed, share in enumerate([0.4, 0.6]):
        write_reach(make_run(seed=seed), [[share, 1.0], [0.5, 1.0]])
    found = figures(runs / "digits_compare")
    line, alike = found["reach-distance"].marks
    assert (line.x, line.y) == ([1, 2], pytest.approx([0.5, 0.5]))
    assert (line.low[0], line.high[0]) == pytest.approx((0.5 - 0.02**0.5, 0.5 + 0.02**0.5))
    assert (alike.name, alike.y) == (ALL_ALIKE, pytest.approx([0.6, 0.6]))
    within, _ = found["reach-within-layer-1"].marks
    assert (within.x, within.y) == ([0, 1], pytest.approx([50, 100]))
    assert "16 test images" in found["reach-within-layer-1"].note
    assert "Dotted" in found["reach-within-layer-1"].note
    assert "reach-fields" not in found
    assert not any("locality" in stem for stem in found)


def test_models_of_other_depths_and_grids_stand_side_by_side(make_run, runs):
    write_reach(make_run("lkca"), [[0.5, 1.0]], radii=[1.0])
    write_reach(make_run("attention"), [[0.5, 0.6, 1.0]] * 3, radii=[1.0, 2.0, 3.0])
    found = figures(runs / "digits_compare")
    marks = found["reach-distance"].marks
    assert {mark.name: len(mark.x) for mark in marks} == {"lkca": 1, "attention": 3}, "nothing is even for both"
    assert [mark.name for mark in found["reach-within-layer-3"].marks if isinstance(mark, Line)] == [
        "attention",
        ALL_ALIKE,
    ]
    assert {row.name: len(row.pictures) for row in found["reach-fields"].rows} == {"lkca": 1, "attention": 3}
    for figure in found.values():
        ElementTree.fromstring(svg(figure, alone=True))


def test_a_picture_is_its_levels_in_colours():
    found = address(np.array([[0.0, 2.0], [1.0, 0.0]]))
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(found.partition(",")[2]))).convert("RGB"))
    assert picture[0, 0].tolist() == PALETTE[0].tolist()
    assert picture[0, 1].tolist() == PALETTE[-1].tolist()
    assert picture[1, 0] == pytest.approx(PALETTE[2], abs=2)


def test_tiles_keep_names_as_text():
    figure = Tiles("s", "<title>", "", [TileRow("<b>", "a & b", [("layer 1", np.ones((2, 2)))] * 3)])
    drawn = ElementTree.fromstring(svg(figure, alone=True))
    images = [element for element in drawn.iter() if element.tag.endswith("image")]
    assert len(images) == 3
    right = max(float(image.get("x")) + float(image.get("width")) for image in images)
    assert right <= 440
    assert "<b>" in "".join(drawn.itertext())
