"""The test images that the best variant gets right and the baseline wrong, and the reverse.

Records have no confidences, so the order is by the seeds: first the images on which all models of the one are right
and all of the other wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lkca_exp.report.charts.picture import image_address
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.formats import thousands
from lkca_exp.report.read.load import Run
from lkca_exp.report.read.packed import read_test_images
from lkca_exp.report.read.predictions import Predictions
from lkca_exp.report.section import Gallery, Tile
from lkca_exp.report.sections.classes import class_names

MOST_IMAGES = 12
"""Of each of the two galleries."""


@dataclass(frozen=True)
class Votes:
    """What the models of a variant predict: `predicted` (seeds, N) class numbers for N test images."""

    variant: Variant
    run: Run
    labels: np.ndarray
    predicted: np.ndarray

    @property
    def share_right(self) -> np.ndarray:
        """(N,) shares of the seeds."""
        return (self.predicted == self.labels).mean(axis=0)


def galleries(setting: Setting, predictions: Mapping[Path, Predictions]) -> list[Gallery]:
    """Two of them, or one that says that the images are not at hand; nothing without predictions of two variants for
    the same images."""
    others = [variant for variant in setting.variants if not variant.is_baseline]
    best = next((votes for variant in others if (votes := _votes(variant, predictions))), None)
    baseline = _votes(setting.baseline, predictions) if setting.baseline else None
    if best is None or baseline is None or not np.array_equal(best.labels, baseline.labels):
        return []
    images = read_test_images(best.run, best.labels)
    if images is None:
        place = f"{best.run.config.get('data.root')}/packed"
        note = f"The images that the models differ on are not shown: {place} does not have {setting.name}."
        return [Gallery("Images that one model gets right and the other wrong", [], note)]
    num_classes = 1 + int(max(best.labels.max(), best.predicted.max(), baseline.predicted.max()))
    called = class_names([best.variant, baseline.variant], num_classes)
    return [_gallery(*pair, images, called) for pair in ((best, baseline), (baseline, best))]


def most_telling(right: Votes, wrong: Votes) -> np.ndarray:
    """Numbers of the images that more than half of the one's models get right and more than half of the other's wrong,
    those first on which the most models do so."""
    ours, theirs = right.share_right, wrong.share_right
    chosen = np.flatnonzero((ours > 0.5) & (theirs < 0.5))
    return chosen[np.argsort((theirs - ours)[chosen], kind="stable")]


def _votes(variant: Variant, predictions: Mapping[Path, Predictions]) -> Votes | None:
    """Of the seeds that have the test images of the first of them."""
    runs = [run for run in variant.counted if run.folder in predictions]
    if not runs:
        return None
    first = predictions[runs[0].folder]
    same = [predictions[run.folder] for run in runs if first.same_images(predictions[run.folder])]
    return Votes(variant, runs[0], first.labels, np.stack([of_run.predicted for of_run in same]))


def _gallery(right: Votes, wrong: Votes, images: np.ndarray, called: Sequence[str]) -> Gallery:
    chosen = most_telling(right, wrong)
    shown = chosen[:MOST_IMAGES]
    note = (
        f"{thousands(len(chosen))} of {thousands(len(images))} test images are classified rightly by "
        f"{_most(right)} and wrongly by {_most(wrong)}."
    )
    if len(chosen) > len(shown):
        note += f" These are {len(shown)} of those that the models agree on most."
    tiles = [_tile(index, wrong, images, called) for index in shown]
    return Gallery(f"Right by {right.variant.name}, wrong by {wrong.variant.name}", tiles, note)


def _most(votes: Votes) -> str:
    many = len(votes.predicted)
    return votes.variant.name if many == 1 else f"most of the {many} models of {votes.variant.name}"


def _tile(index: int, wrong: Votes, images: np.ndarray, called: Sequence[str]) -> Tile:
    """With the class, and the wrong one that most of the models predict."""
    label = int(wrong.labels[index])
    of_seeds = [int(predicted) for predicted in wrong.predicted[:, index] if predicted != label]
    ((mistaken, times),) = Counter(of_seeds).most_common(1)
    total = len(wrong.predicted)
    seeds = f" ({times} of {total} seeds)" if total > 1 else ""
    return Tile(image_address(images[index]), called[label], f"predicted: {called[mistaken]}{seeds}")
