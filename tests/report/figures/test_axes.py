from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkca_exp.report.figures.axes import scale, short
from lkca_exp.report.figures.model import Axis

finite = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.lists(finite, min_size=1, max_size=5))
def test_all_values_lie_inside_and_all_ticks_too(values):
    found = scale(Axis(""), values, 50, 400)
    for value in [*values, *(tick for tick, _ in found.ticks(50))]:
        assert 50 - 1e-6 <= found(value) <= 400 + 1e-6


@given(st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=5))
def test_a_logarithmic_axis_likewise(values):
    found = scale(Axis("", log=True), values, 50, 400)
    for value in [*values, *(tick for tick, _ in found.ticks(50))]:
        assert 50 - 1e-6 <= found(value) <= 400 + 1e-6


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([96.9, 99.8], ["97", "98", "99"]),
        ([1, 20], ["5", "10", "15", "20"]),
        ([150_000, 250_000], ["160k", "180k", "200k", "220k", "240k"]),
    ],
)
def test_ticks_are_round_numbers(values, texts):
    assert [text for _, text in scale(Axis(""), values, 0, 350).ticks(52)] == texts


def test_logarithmic_ticks():
    assert [text for _, text in scale(Axis("", log=True), [0.01, 1], 0, 350).ticks(40)] == [
        "0.01",
        "0.02",
        "0.05",
        "0.1",
        "0.2",
        "0.5",
        "1",
    ]


def test_given_ticks_thin_out_where_they_do_not_fit():
    found = scale(Axis("", ticks=tuple(range(1, 11))), [1, 10], 0, 200)
    assert [text for _, text in found.ticks(50)] == ["1", "5", "9"]


def test_an_upright_axis_turns_round():
    found = scale(Axis(""), [0, 10], 300, 20)
    assert found(0) > found(10)


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12"), (9_999, "9999"), (12_000, "12k"), (2_700_000, "2.7M"), (3e9, "3G"), (0.05, "0.05")]
)
def test_short(value, text):
    assert short(value) == text
