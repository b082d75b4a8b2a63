"""The schedule against a list written out by hand."""

from __future__ import annotations

import pytest

from lkca_exp.training.schedule import warmup_cosine


def test_warmup_then_cosine():
    rates = [
        warmup_cosine(step, num_steps=8, num_warmup_steps=3, initial_ratio=None, final_ratio=0.0) for step in range(9)
    ]
    cosine = [1.0, 0.904508, 0.654508, 0.345492, 0.095492, 0.0]
    assert rates == pytest.approx([0.25, 0.5, 0.75, *cosine], abs=1e-6)


def test_it_ends_where_it_shall():
    assert warmup_cosine(100, num_steps=100, num_warmup_steps=10, initial_ratio=None, final_ratio=0.1) == pytest.approx(
        0.1
    )
    assert warmup_cosine(105, num_steps=100, num_warmup_steps=10, initial_ratio=None, final_ratio=0.1) == pytest.approx(
        0.1
    )


def test_without_warmup_the_first_step_is_the_peak():
    assert warmup_cosine(0, num_steps=10, num_warmup_steps=0, initial_ratio=0.5, final_ratio=0.0) == 1


def test_warmup_from_a_given_rate():
    """As the code of Li et al. 2024: from 1e-6 to 1e-3 in 4 steps, then a cosine to 1e-6 that ends after step 8."""
    rates = [1e-3 * warmup_cosine(step, 8, 4, initial_ratio=1e-3, final_ratio=1e-3) for step in range(9)]
    rising = [1e-6 + 999e-6 * step / 4 for step in range(4)]
    falling = [1e-6 + 999e-6 * share for share in (1, 0.853553, 0.5, 0.146447, 0)]
    assert rates == pytest.approx([*rising, *falling], rel=1e-5)
