from __future__ import annotations

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.read.load import load
from lkca_exp.report.sections.curves import epoch_in_units


def units_of(folder):
    return epoch_in_units(summarise(*load([folder])).variants)


def test_an_epoch_in_steps_images_and_seconds(make_run, runs):
    make_run("attention", 0, config={"batch_size": 32}, speed={"train_images_per_s": 704.0})
    make_run("attention", 1, config={"batch_size": 32}, speed={"train_images_per_s": 2112.0})
    make_run("lkca", 0, config={"batch_size": 32}, rows=[{"epoch": 4, "step": 100, "train/loss": 1.0}])
    units = units_of(runs / "digits_compare")
    assert units["steps"] == {"attention": 44, "lkca": 20}
    assert units["images seen"] == {"attention": 1408, "lkca": 640}
    assert units["training time (s)"] == {"attention": pytest.approx(1), "lkca": pytest.approx(0.256)}


@pytest.mark.parametrize(
    ("changes", "units"),
    [
        ({"device": {"name": "another"}}, ["steps", "images seen"]),
        ({"speed": {}}, ["steps", "images seen"]),
        ({"rows": [{"epoch": 0, "train/loss": 1.0}]}, []),
    ],
)
def test_a_unit_that_not_all_variants_have_is_not_offered(make_run, runs, changes, units):
    make_run("attention")
    make_run("lkca", **changes)
    assert list(units_of(runs / "digits_compare")) == units
