"""Mean attention distance and effective receptive field: files read, means over seeds, sentences and figures."""

from __future__ import annotations

import base64
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from lkca_exp.report.build import report
from lkca_exp.report.charts.draw import inline
from lkca_exp.report.charts.picture import PALETTE, SIDE, address
from lkca_exp.report.charts.style import MOST_DRAWN
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.read.analysis import UNREADABLE, Extras, mean_distance, read_extras, read_field, read_mass
from lkca_exp.report.read.load import read_run
from lkca_exp.report.section import Block
from lkca_exp.report.sections.reach import ALL_ALIKE, HEADING, spread
from tests.report.conftest import rows, write_reach


def test_a_run_that_was_not_analysed(make_run):
    run = read_run(make_run())
    assert (read_mass(run), read_field(run)) == (None, None)


def test_what_was_found_is_read_and_not_shown_twice(make_run):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0], [0.5, 1.0]], radii=[1.5, 2.5])
    run = read_run(folder)
    mass, field = read_mass(run), read_field(run)
    assert mass.within.tolist() == [[0.25, 1.0], [0.5, 1.0]]
    assert (mass.even.tolist(), mass.num_images) == ([0.4, 1.0], 16)
    assert (field.radii.tolist(), field.even, field.pictures.shape) == ([1.5, 2.5], 3.0, (2, 4, 4))
    assert read_extras(run) == Extras()


def test_the_mass_alone_is_enough(make_run):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0]])
    assert read_field(read_run(folder)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"even": [1]},
        {"even": None},
        {"even": [0.4, "1"]},
        {"images": None},
        {"series": {"layer 1": [None, 1]}},
        {"x": 3},
    ],
)
def test_a_mass_that_cannot_be_used_is_named(make_run, change):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0]])
    file = folder / "analysis" / "locality.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UNREADABLE):
        read_mass(read_run(folder))
    assert any("analysis/locality.json: " in note for note in gather([folder.parent], Choice(), []).notes)


@pytest.mark.parametrize(
    "fields", [np.zeros((1, 4, 4)), np.ones((2, 4, 4)), np.full((1, 4, 4), np.nan), None, b"PK", b""]
)
def test_fields_that_do_not_go_with_their_numbers_are_named(make_run, fields):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0]], radii=[1.5])
    file = folder / "analysis" / "receptive_field.npz"
    if isinstance(fields, bytes):
        file.write_bytes(fields)
    elif fields is None:
        file.unlink()
    else:
        np.savez_compressed(file, fields=fields)
    with pytest.raises(UNREADABLE):
        read_field(read_run(folder))
    assert any("analysis/receptive_field.json: " in note for note in gather([folder.parent], Choice(), []).notes)


def looks(study) -> Block:
    (found,) = of_reach(study)
    return found


def of_reach(study) -> list[Block]:
    return [block for block in gather([study], Choice(), []).blocks if block.heading == HEADING]


def test_the_mean_distance_by_hand():
    """A quarter at 0, half at 1, a quarter at 2."""
    assert mean_distance(np.array([0.25, 0.75, 1.0])) == pytest.approx(0.5 + 2 * 0.25)


def test_nothing_is_said_where_nothing_was_looked_at(compared):
    assert of_reach(compared) == []


@pytest.fixture
def looked(compared):
    """Attention looks at all, LKCA at what is near; differently in each seed."""
    for seed in range(3):
        for mixer, share in (("attention", 0.1), ("lkca", 0.8)):
            (folder,) = compared.glob(f"digits-{mixer}-s{seed}-*")
            write_reach(folder, [[share + 0.01 * seed, 1.0], [share / 2, 1.0]], radii=[1.0, 2.0 + seed])
    return compared


def test_means_over_seeds(looked):
    near, far = looks(looked).tables[0].table.rows
    assert (near.variant.name, far.variant.name) == ("lkca", "attention"), "the shortest distance first"
    first, last = near.distance
    assert (first.n, first.mean, first.sd) == pytest.approx((3, 1 - 0.81, 0.01))
    assert last.mean == pytest.approx(1 - 0.4)
    assert near.overall.mean == pytest.approx((0.19 + 0.6) / 2)
    assert near.even_distance == pytest.approx(0.6)
    assert [estimate.mean for estimate in near.radius] == [1.0, 3.0]
    assert near.pictures.sum((1, 2)) == pytest.approx([1, 1])


def test_the_sentences(looked):
    tokens, pixels = looks(looked).sentences
    assert "0.39 ± 0.01 with lkca (0.19 in the first layer, 0.60 in the last; 3 seeds) and 0.92" in tokens
    assert "it would be 0.60 if all tokens were read alike" in tokens
    assert "after the last layer: 3.00 ± 1.00 pixels with lkca and 3.00 ± 1.00 pixels with attention" in pixels
    assert "it would be 3.00 if it depended on all pixels alike" in pixels


def test_one_run_has_no_spread(make_run, runs):
    write_reach(make_run(), [[0.5, 1.0]])
    (sentence,) = looks(runs / "digits_compare").sentences
    assert "0.50 with lkca (1 seed); it" in sentence


def test_of_many_variants_the_ends_and_the_baseline_are_told(make_run, runs):
    write_reach(make_run("attention", 0, 0.5), [[0.1, 1.0]])
    for size in range(39):
        write_reach(make_run("lkca", 0, 0.9, config={"model.mixer.kernel_size": 2 * size + 1}), [[size / 40, 1.0]])
    found = looks(runs / "digits_compare")
    (sentence,) = found.sentences
    assert sentence.count(" with ") == 3
    assert "0.90 with attention" in sentence
    assert len(found.tables[0].table.rows) == 40
    assert len(found.legend) - 1 == len(found.charts[0].style) - 1 == MOST_DRAWN


def test_a_seed_of_another_shape_is_in_no_mean(make_run, runs):
    write_reach(make_run(seed=0), [[0.5, 1.0]])
    write_reach(make_run(seed=1), [[0.5, 0.6, 1.0]])
    (row,) = looks(runs / "digits_compare").tables[0].table.rows
    assert row.overall.n == 1


def test_tables_for_readers_and_programs(looked):
    folder = report([looked]).parent
    assert "| lkca | 3 | 0.39 ± 0.01 | 0.19 ± 0.01 | 0.60 ± 0.00 | 0.60 | 3.00 ± 1.00 | 3.00 |" in (
        folder / "reach.md"
    ).read_text(encoding="utf-8")
    head, first, *rest = (folder / "reach_layers.csv").read_text().splitlines()
    assert head.startswith("variant,data,layer,n,distance_tokens,distance_tokens_sd,radius_pixels")
    assert head.endswith("within_0_percent,within_0_percent_sd,within_1_percent,within_1_percent_sd")
    assert first.startswith("lkca,digits,1,3,0.19")
    assert len(rest) == 3
    assert "Mean attention distance, in tokens" in (folder / "answer.md").read_text(encoding="utf-8")


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
    distance = found["reach-distance"]
    line, alike = rows(distance, "line", "lkca"), rows(distance, "line", ALL_ALIKE)
    assert [(row["x"], row["mean"]) for row in line] == [(1, pytest.approx(0.5)), (2, pytest.approx(0.5))]
    assert (line[0]["low"], line[0]["high"]) == pytest.approx((0.5 - 0.02**0.5, 0.5 + 0.02**0.5), abs=1e-5)
    assert [row["mean"] for row in alike] == pytest.approx([0.6, 0.6])
    within = rows(found["reach-within-layer-1"], "line", "lkca")
    assert [(row["x"], row["mean"]) for row in within] == [(0, pytest.approx(50)), (1, pytest.approx(100))]
    assert "16 test images" in found["reach-within-layer-1"].note
    assert "Dotted" in found["reach-within-layer-1"].note
    assert "reach-fields" not in found
    assert not any("locality" in stem for stem in found)
    assert [stem for stem, chart in found.items() if not chart.folded and "reach" in stem] == ["reach-distance"]


def test_models_of_other_depths_and_grids_stand_side_by_side(make_run, runs):
    write_reach(make_run("lkca"), [[0.5, 1.0]], radii=[1.0])
    write_reach(make_run("attention"), [[0.5, 0.6, 1.0]] * 3, radii=[1.0, 2.0, 3.0])
    found = figures(runs / "digits_compare")
    names = [row["variant"] for row in rows(found["reach-distance"], "line")]
    assert sorted(names) == ["attention"] * 3 + ["lkca"], "nothing is even for both"
    assert {row["variant"] for row in rows(found["reach-within-layer-3"], "line")} == {"attention", ALL_ALIKE}
    pictures = [row["variant"] for row in rows(found["reach-fields"])]
    assert sorted(pictures) == ["attention"] * 3 + ["lkca"]
    for chart in found.values():
        ElementTree.fromstring(inline(chart))


def test_a_picture_is_its_levels_in_colours():
    found = address(np.array([[0.0, 2.0], [1.0, 0.0]]))
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(found.partition(",")[2]))).convert("RGB"))
    first, last, middle = picture[0, 0], picture[0, -1], picture[-1, 0]
    assert picture.shape == (SIDE, SIDE, 3)
    assert (first.tolist(), last.tolist()) == (PALETTE[0].tolist(), PALETTE[-1].tolist())
    assert middle == pytest.approx(PALETTE[2], abs=2)
