from __future__ import annotations

from dataclasses import replace

import pytest

from lkca_exp.report.read.published import Published
from lkca_exp.report.sections.published import MACS
from lkca_exp.study.cost import cells, cost
from lkca_exp.sweep.jobs import jobs_of

PUBLISHED = Published("ViT", "digits", 97.5, "best on test", "somebody", 0.1, 3.2, like=("model/mixer=attention",))


@pytest.fixture(scope="module")
def found():
    words = ["+experiment=digits_compare", "epochs=100", "augment.passes_per_epoch=3", "seed=0,1"]
    return cells(jobs_of(words), [PUBLISHED])


def test_a_cell_is_a_configuration_over_its_seeds(found):
    assert [(cell.data, cell.name, cell.runs) for cell in found] == [
        ("digits", "model/mixer=attention", 2),
        ("digits", "model/mixer=lkca", 2),
    ]
    assert [cell.published for cell in found] == [PUBLISHED, None]


def test_hours_follow_from_operations(found):
    """1,437 images x 3 passes x 100 epochs, three forward passes' worth each, at a quarter of 19.5 TFLOP/s."""
    for cell in found:
        assert cell.hours == pytest.approx(3 * cell.flops * 1437 * 300 / (0.25 * 19.5e12) / 3600)


def test_the_table_says_that_it_is_an_estimate(found):
    output = cost(found)
    assert output.startswith("**Estimated, not measured:** 4 runs, 0.00")
    assert "25 % of the GPU's 19.5 TFLOP/s" in output
    attention = (
        f"| digits | model/mixer=attention | {found[0].parameters:,} | 0.1 | {found[0].flops / 2e6:,.1f} | 3.2 |"
    )
    assert attention in output
    assert "Published: somebody; best on test." in output
    assert MACS not in output


def test_a_published_model_is_met_by_its_preset_with_no_other_mixer():
    theirs = replace(
        PUBLISHED, like=("model=vit_lee2021",), mega_macs_without_mixer=2.5, commit="c0ffee", note="a note"
    )
    (other,) = cells(jobs_of(["model=vit_lee2021", "model/mixer=locality_attention"]), [theirs])
    assert other.published is None
    (found,) = cells(jobs_of(["model=vit_lee2021"]), [theirs])
    assert found.published == theirs
    output = cost([found])
    assert f"| {MACS}, M |" in output
    assert " | 3.2 | 2.5 | " in output
    assert output.endswith("Published: somebody, commit c0ffee; best on test.\n\nViT: a note.\n")
