from __future__ import annotations

import json

import numpy as np
import pytest

from lkca_exp.report.read.load import read_run
from lkca_exp.report.sections.inside import Extras, read_extras
from lkca_exp.report.sections.reach import Reach, read_reach
from tests.report.conftest import write_reach


def test_a_run_that_was_not_looked_at(make_run):
    assert read_reach(read_run(make_run())) == Reach()


def test_what_was_found_is_read_and_not_shown_twice(make_run):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0], [0.5, 1.0]], radii=[1.5, 2.5])
    run = read_run(folder)
    found = read_reach(run)
    assert found.mass.layers == ((0.25, 1.0), (0.5, 1.0))
    assert (found.mass.even, found.mass.num_images) == ((0.4, 1.0), 16)
    assert (found.field.radii, found.field.even, found.field.pictures.shape) == ((1.5, 2.5), 3.0, (2, 4, 4))
    assert found.problems == ()
    assert read_extras(run) == Extras()


def test_the_mass_alone_is_enough(make_run):
    folder = make_run()
    write_reach(folder, [[0.25, 1.0]])
    assert read_reach(read_run(folder)).field is None


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
    found = read_reach(read_run(folder))
    assert found.mass is None
    assert "analysis/locality.json: " in found.problems[0]


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
    found = read_reach(read_run(folder))
    assert found.field is None
    assert "analysis/receptive_field.json: " in found.problems[0]
