"""What every data set's source knows: where its files may lie, where they are published, and what is in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from lkca_exp.config.specs import DataSpec
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.download import RemoteFile


class FilesError(Exception):
    """Files that are missing, damaged or not the published ones: what is wrong with them, and the way out."""

    def __init__(self, rule: str, remedy: str = "") -> None:
        self.rule, self.remedy = rule, remedy
        super().__init__(rule, remedy)


class Source(ABC):
    """From the files of a data set, as its authors ship them, to arrays.

    A "place" is an archive, or a folder that holds several files or what was unpacked from an archive.
    """

    options: tuple[Any, ...] = ()
    """What else than its files decides what is read."""

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec

    def pack(self, root: Path) -> Path:
        """Where the published data set is packed; other files in its name are packed beside it."""
        return root / "packed" / self.spec.name

    def remote_files(self) -> tuple[RemoteFile, ...]:
        """What is published, to be fetched into `<root>/<name>`; nothing for a set that comes with a library."""
        return ()

    def places(self, root: Path) -> list[Path]:
        """Where the files may lie, the first choice first."""
        return []

    def files(self, place: Path) -> list[Path]:
        """What must be there for `place` to hold the data set, whose sizes and times change with the data."""
        return []

    @abstractmethod
    def read(self, place: Path, verify: bool) -> Arrays:
        """All of the data set.

        Raises:
            FilesError: if the files are damaged, or, with `verify`, not the published ones.
        """

    def has_checksums(self, place: Path) -> bool:
        """Whether `read` compares all that it reads with published checksums."""
        return self.spec.checksums == "all" or (self.spec.checksums == "archive" and not place.is_dir())

    def find(self, root: Path) -> Path | None:
        """Where the data set lies on this machine, if it does."""
        return next((place for place in self.places(root) if self.is_at(place)), None)

    def is_at(self, place: Path) -> bool:
        return all(file.exists() for file in self.files(place))


def compare_md5(what: Path | str, md5: str, expected: str, verify: bool) -> list[str]:
    """Compare two MD5s; returns a warning if they differ and that is accepted.

    Raises:
        FilesError: if they differ and `verify`.
    """
    if md5 == expected:
        return []
    rule = f"{what} is not the published file: it has MD5 {md5}, expected {expected}."
    if verify:
        raise FilesError(rule, "Delete it and fetch it again, or accept it with data.verify=false.")
    return [rule]


def check_facts(arrays: Arrays, spec: DataSpec, verify: bool) -> list[str]:
    """Hold arrays against the facts of the data set; returns a warning if other counts are accepted.

    Raises:
        FilesError: if they are other images, or labels, than the data set has, or with `verify` another number of them.
    """
    side = spec.image_size
    for part, split in (("training", arrays.train), ("test", arrays.test)):
        n, labels = len(split.images), split.labels
        if split.images.shape[1:] != (spec.channels, side, side) or labels.shape != (n,) or n == 0:
            raise FilesError(
                f"{arrays.origin} holds {part} images of shape {split.images.shape} and labels of shape {labels.shape};"
                f" expected (N, {spec.channels}, {side}, {side}) and (N,), N at least 1."
            )
        if labels.min() < 0 or labels.max() >= spec.num_classes:
            raise FilesError(
                f"{arrays.origin} holds {part} labels from {labels.min()} to {labels.max()}; "
                f"{spec.name} has the classes 0 to {spec.num_classes - 1}."
            )
    rarest = int(np.bincount(arrays.train.labels, minlength=spec.num_classes).min())
    counts = (len(arrays.train), len(arrays.test), rarest)
    if counts == (spec.num_train, spec.num_test, spec.min_images_per_class):
        return []
    rule = (
        f"{arrays.origin} holds {counts[0]} training and {counts[1]} test images, {rarest} of the rarest class to "
        f"train on; expected {spec.num_train}, {spec.num_test} and {spec.min_images_per_class}."
    )
    if verify:
        raise FilesError(rule, "Fetch it again, or accept it with data.verify=false.")
    return [rule]
