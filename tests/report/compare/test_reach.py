"""How far tokens look: means over seeds, and the sentences."""

from __future__ import annotations

import pytest

from lkca_exp.report.build import report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.figures.styles import MOST_DRAWN
from lkca_exp.report.section import Block
from lkca_exp.report.sections.reach import HEADING, mean_distance
from tests.report.conftest import write_reach


def looks(study) -> Block:
    (found,) = of_reach(study)
    return found


def of_reach(study) -> list[Block]:
    return [block for block in gather([study], Choice(), []).blocks if block.heading == HEADING]


def test_the_mean_distance_by_hand():
    """A quarter at 0, half at 1, a quarter at 2."""
    assert mean_distance([0.25, 0.75, 1.0]) == pytest.approx(0.5 + 2 * 0.25)


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
    first, last = near.masses.distance
    assert (first.n, first.mean, first.sd) == pytest.approx((3, 1 - 0.81, 0.01))
    assert last.mean == pytest.approx(1 - 0.4)
    assert near.masses.overall.mean == pytest.approx((0.19 + 0.6) / 2)
    assert near.masses.even_distance == pytest.approx(0.6)
    assert [one.mean for one in near.fields.radius] == [1.0, 3.0]
    assert near.fields.pictures.sum((1, 2)) == pytest.approx([1, 1])


def test_the_sentences(looked):
    tokens, pixels = looks(looked).sentences
    assert "0.39 ± 0.01 with lkca (0.19 in the first layer, 0.60 in the last; 3 seeds) and 0.92" in tokens
    assert "it would be 0.60 if it looked at all tokens alike" in tokens
    assert "a radius of 3.00 ± 1.00 pixels with lkca and 3.00 ± 1.00 pixels with attention" in pixels
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
    assert len(found.legend) == len(found.figures[0].marks) - 1 == MOST_DRAWN


def test_a_seed_of_another_shape_is_in_no_mean(make_run, runs):
    write_reach(make_run(seed=0), [[0.5, 1.0]])
    write_reach(make_run(seed=1), [[0.5, 0.6, 1.0]])
    (row,) = looks(runs / "digits_compare").tables[0].table.rows
    assert row.masses.overall.n == 1


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
    assert "How many tokens far" in (folder / "answer.md").read_text(encoding="utf-8")
