"""The schedule against a list written out by hand."""

from __future__ import annotations

import pytest

from lkca_exp.training.schedule import warmup_cosine


def test_warmup_then_cosine():
    rates = [warmup_cosine(step, num_steps=8, num_warmup_steps=3, final_ratio=0.0) for step in range(9)]
    cosine = [1.0, 0.904508, 0.654508, 0.345492, 0.095492, 0.0]
    assert rates == pytest.approx([0.25, 0.5, 0.75, *cosine], abs=1e-6)


def test_it_ends_where_it_shall():
    assert warmup_cosine(100, num_steps=100, num_warmup_steps=10, final_ratio=0.1) == pytest.approx(0.1)
    assert warmup_cosine(105, num_steps=100, num_warmup_steps=10, final_ratio=0.1) == pytest.approx(0.1)


def test_without_warmup_the_first_step_is_the_peak():
    assert warmup_cosine(0, num_steps=10, num_warmup_steps=0, final_ratio=0.0) == 1
