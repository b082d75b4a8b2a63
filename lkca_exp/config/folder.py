"""Anyone's own images: which files of a folder are read, and what follows from that before any of them is opened.

    DIR/train/<class>/...    and test (or val) likewise: the split is given
    DIR/<class>/...          one level of classes, split by `data.subset_seed`

Classes are numbered by their names in alphabetical order. Imports nothing heavy: configurations are checked against it.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import FOLDER, SPECS, DataSpec

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
TEST_FOLDERS = ("test", "val")
USUAL_TOKENS = 8
"""Tokens along the side of an image, as in Lee et al. 2021."""


@dataclass(frozen=True)
class ImageFiles:
    """What a folder holds: its classes, (path, class) of every image to train and to test on, and who split them."""

    class_names: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]
    split: str


def facts_of(data: DataConfig) -> DataSpec:
    """The facts of the data set that is configured.

    Raises:
        ConfigError: if there is no such data set, or as `folder_facts`.
    """
    if data.name == FOLDER:
        return folder_facts(data)
    if data.name not in SPECS:
        known = (*SPECS, FOLDER)
        raise ConfigError("data.name", data.name, "There is no such data set.", did_you_mean(data.name, known))
    return SPECS[data.name]


def image_files(data: DataConfig) -> ImageFiles:
    """The images of `data=folder`, in an order that only their names and `data.subset_seed` decide. A folder is listed
    once a process, so that all jobs of a sweep agree.

    Raises:
        ConfigError: if there is no such folder, or it is not laid out in one of the two ways, or a class lacks images.
    """
    return _image_files(Path(data.root).absolute(), data.subset_seed, data.test_fraction)


@functools.lru_cache(maxsize=8)
def _image_files(root: Path, seed: int, test_fraction: float) -> ImageFiles:
    if not root.is_dir():
        raise _error(root, "There is no such folder.", "Give the folder of your images: data.root=DIR.")
    if not (root / "train").is_dir():
        return _split(_classes(root), seed, test_fraction)
    test = next((root / name for name in TEST_FOLDERS if (root / name).is_dir()), None)
    if test is None:
        raise _error(root, "Beside train there is no folder test or val.", "Add it, or leave one level of classes.")
    to_train, to_test = _classes(root / "train"), _classes(test, least=1)
    names = tuple(to_train)
    if strangers := sorted(to_test.keys() - to_train.keys()):
        raise _error(test / strangers[0], "This class has no folder in train.")
    split = f"split as given in train and {test.name}"
    return ImageFiles(names, _labelled(to_train, names), _labelled(to_test, names), split)


def folder_facts(data: DataConfig) -> DataSpec:
    """The facts of `data=folder`; mean and deviation are measured when it is packed.

    Raises:
        ConfigError: as `image_files`, or if there is no `data.image_size`.
    """
    if data.image_size is None:
        raise ConfigError(
            "data.image_size", None, "With data=folder it says to what images are resized.", "Try data.image_size=64."
        )
    files = image_files(data)
    return dataclasses.replace(
        facts_of_images(data.image_size, data.channels, files.class_names),
        num_train=len(files.train),
        num_test=len(files.test),
        min_images_per_class=min(Counter(label for _, label in files.train).values()),
    )


def facts_of_images(image_size: int, channels: int, class_names: tuple[str, ...]) -> DataSpec:
    """The facts of images of which nothing else is known; as many as anybody asks for."""
    many = sys.maxsize
    return DataSpec(
        name=FOLDER,
        source="",
        image_size=image_size,
        channels=channels,
        num_classes=len(class_names),
        class_names=class_names,
        num_train=many,
        num_test=many,
        min_images_per_class=many,
        mean=(),
        std=(),
        may_mirror=True,
        patch_size=usual_patch_size(image_size),
        auto_augment="cifar10" if image_size <= 32 else "imagenet",
    )


def usual_patch_size(image_size: int) -> int:
    """The side in pixels of the patches that tile an image in about as many tokens as the literature has."""
    sides = [side for side in range(1, image_size + 1) if image_size % side == 0]
    return min(sides, key=lambda side: abs(image_size // side - USUAL_TOKENS))


def _classes(folder: Path, least: int = 2) -> dict[str, list[Path]]:
    """Class -> its images by name, however deep they lie below it."""
    classes = {child.name: sorted(_images(child)) for child in sorted(folder.iterdir()) if _is_class(child)}
    if len(classes) < least:
        raise _error(folder, f"It holds {len(classes)} folders, a class each; there must be {least} or more.")
    for name, images in classes.items():
        if not images:
            known = ", ".join(suffix.lstrip(".") for suffix in SUFFIXES)
            raise _error(folder / name, f"It holds no image ({known}).", "Remove it, or put its images there.")
    return classes


def _is_class(child: Path) -> bool:
    return child.is_dir() and not child.name.startswith(".")


def _images(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names if name.lower().endswith(SUFFIXES) and name[0] != ".")


def _labelled(classes: dict[str, list[Path]], names: tuple[str, ...]) -> tuple[tuple[Path, int], ...]:
    return tuple((path, names.index(name)) for name, paths in classes.items() for path in paths)


def _split(classes: dict[str, list[Path]], seed: int, test_fraction: float) -> ImageFiles:
    """A share of every class for test, at least one image; what is drawn of a class does not depend on the others."""
    train: list[tuple[Path, int]] = []
    test: list[tuple[Path, int]] = []
    for label, (name, paths) in enumerate(classes.items()):
        if len(paths) < 2:
            raise _error(paths[0].parent, f"The class {name} has one image; to train and to test takes two.")
        count = min(max(round(test_fraction * len(paths)), 1), len(paths) - 1)
        chosen = set(random.Random(f"{seed} {name}").sample(range(len(paths)), count))
        for index, path in enumerate(paths):
            (test if index in chosen else train).append((path, label))
    split = f"split by data.subset_seed={seed}, {test_fraction:.0%} of each class for test"
    return ImageFiles(tuple(classes), tuple(train), tuple(test), split)


def _error(path: Path, rule: str, remedy: str = "") -> ConfigError:
    return ConfigError("data.root", path, rule, remedy)
