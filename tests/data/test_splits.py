"""Subsets and held-out sets: stratified, nested, functions of a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkca_exp.data.splits import split_off, subset

patient = settings(deadline=None)  # as a busy machine may be slow
labelled = st.lists(st.integers(0, 4), min_size=20, max_size=200).map(np.array)


@patient
@given(labelled, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_smaller_subsets_lie_inside_larger_ones(labels, one, other, seed):
    small, large = (set(subset(labels, seed, fraction=f)) for f in sorted((one, other)))
    assert small <= large


@patient
@given(labelled, st.floats(0.01, 1), st.integers(0, 5))
def test_a_fraction_takes_its_share_of_every_class(labels, fraction, seed):
    kept = labels[subset(labels, seed, fraction=fraction)]
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert (kept == label).sum() == max(round(fraction * count), 1)


def test_images_per_class_counts_images_of_each_class():
    labels = np.repeat(np.arange(5), 20)
    few, more = subset(labels, 3, images_per_class=4), subset(labels, 3, images_per_class=9)
    assert np.bincount(labels[few]).tolist() == [4] * 5
    assert set(few) <= set(more)


def test_more_images_than_there_are():
    with pytest.raises(ValueError, match="images_per_class=21, but class 0 has 20"):
        subset(np.repeat(np.arange(5), 20), 0, images_per_class=21)


def test_another_seed_chooses_other_images():
    labels = np.repeat(np.arange(5), 100)
    assert set(subset(labels, 0, fraction=0.2)) != set(subset(labels, 1, fraction=0.2))
    assert set(subset(labels, 0, fraction=0.2)) == set(subset(labels, 0, fraction=0.2))


@patient
@given(labelled, st.integers(1, 19), st.integers(0, 5))
def test_a_held_out_set_is_disjoint_stratified_and_complete(labels, count, seed):
    rest, held_out = split_off(labels, count, seed)
    assert sorted([*rest, *held_out]) == list(range(len(labels)))
    assert len(held_out) == count
    for label, in_all in zip(*np.unique(labels, return_counts=True), strict=True):
        share = in_all * count / len(labels)
        assert abs((labels[held_out] == label).sum() - share) <= 1 + 1e-9


def test_a_held_out_set_leaves_something():
    with pytest.raises(ValueError, match="both sides"):
        split_off(np.arange(5), 5, 0)
