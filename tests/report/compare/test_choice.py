from __future__ import annotations

import pytest

from lkca_exp.report.compare.choice import resolve, select
from lkca_exp.report.read.load import load

KEYS = [
    "data.name",
    "data.fraction",
    "model.mixer.name",
    "model.mixer.kernel_size",
    "model.size",
    "augment.size",
    "seed",
]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("model.mixer.kernel_size", "model.mixer.kernel_size"),
        ("kernel_size", "model.mixer.kernel_size"),
        ("mixer", "model.mixer.name"),
        ("data", "data.name"),
        ("seed", "seed"),
    ],
)
def test_a_key_is_found_by_its_last_part(word, key):
    assert resolve(word, KEYS) == key


@pytest.mark.parametrize(("word", "message"), [("size", "augment.size or model.size"), ("kernel", "no run has a key")])
def test_a_word_that_fits_several_or_none_is_refused(word, message):
    with pytest.raises(ValueError, match=message):
        resolve(word, KEYS)


@pytest.fixture
def found(make_run, runs):
    make_run("attention", 0)
    make_run("lkca", 0)
    make_run("lkca", 1, config={"model.mixer.kernel_size": 3})
    return load([runs / "digits_compare"])[0]


@pytest.mark.parametrize(
    ("where", "labels"),
    [
        (["mixer=lkca"], [("lkca", 0), ("lkca", 1)]),
        (["kernel_size=7"], [("lkca", 0)]),  # left open, resolved to 7
        (["kernel_size=3,7", "seed=1"], [("lkca", 1)]),
        ([], [("attention", 0), ("lkca", 0), ("lkca", 1)]),
    ],
)
def test_conditions(found, where, labels):
    assert sorted((run.config["model.mixer.name"], run.seed) for run in select(found, where)) == labels


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("lkca", "takes key=value, not 'lkca'"),
        ("kernel_size=9", "there are 3, 7|there are 7, 3"),
        ("x=1", "no run has a key"),
    ],
)
def test_a_condition_that_nothing_meets_is_refused(found, condition, message):
    with pytest.raises(ValueError, match=message):
        select(found, [condition])
