"""Which images are trained on, and which are split off. Splits are stratified and functions of a seed alone."""

from __future__ import annotations

import numpy as np


def subset(labels: np.ndarray, seed: int, *, fraction: float = 1.0, images_per_class: int | None = None) -> np.ndarray:
    """Indices of a stratified subset, sorted: a share of every class, at least one image, or so many of each.

    Subsets of one seed are nested: the smaller lies inside the larger.
    """
    kept = []
    for label, members in enumerate(_shuffled_classes(labels, seed)):
        count = images_per_class if images_per_class is not None else max(round(fraction * len(members)), 1)
        if count > len(members):
            raise ValueError(f"images_per_class={count}, but class {label} has {len(members)} images")
        kept.append(members[:count])
    return np.sort(np.concatenate(kept))


def split_off(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of (the rest, `count` images), both sorted; each class gives its share to within one image."""
    if not 0 < count < len(labels):
        raise ValueError(f"count={count} must leave images on both sides of {len(labels)}")
    classes = _shuffled_classes(labels, seed)
    shares = np.array([len(members) for members in classes]) * (count / len(labels))
    counts = np.floor(shares).astype(int)
    largest_remainders = np.argsort(counts - shares, kind="stable")[: count - counts.sum()]
    counts[largest_remainders] += 1
    split_off_indices = np.concatenate([members[:n] for members, n in zip(classes, counts, strict=True)])
    return np.setdiff1d(np.arange(len(labels)), split_off_indices), np.sort(split_off_indices)


def _shuffled_classes(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """The indices of each class in a random order; a class's order does not depend on the others."""
    return [
        np.random.default_rng([seed, int(label)]).permutation(np.flatnonzero(labels == label))
        for label in np.unique(labels)
    ]
