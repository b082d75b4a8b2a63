"""Images in a folder a class, of any size and kind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from lkca_exp.config.folder import folder_facts, image_files
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.pixels import pixels_of
from lkca_exp.data.sources.base import FilesError, Source

PACKS = ".lkca_exp"


class Folder(Source):
    """`data.root` itself, resized to `data.image_size`."""

    def __init__(self, data: DataConfig) -> None:
        super().__init__(folder_facts(data))
        self.root = Path(data.root)
        self.images = image_files(data)
        self.options = (data.image_size, data.channels, len(self.images.train))

    def pack(self, root: Path) -> Path:
        return self.root / PACKS / self.spec.name

    def find(self, root: Path) -> Path:
        return self.root

    def files(self, place: Path) -> list[Path]:
        return [path for path, _ in (*self.images.train, *self.images.test)]

    def read(self, place: Path, verify: bool) -> Arrays:
        inside = self.root.resolve()
        for path in self.files(place):
            if not path.resolve().is_relative_to(inside):
                raise FilesError(
                    f"{path} is a link that leads out of {self.root}.", "Copy the file, or remove the link."
                )
        train, test = self._decode(self.images.train, "train"), self._decode(self.images.test, "test")
        mean, std = statistics(train.images)
        origin = f"{self.root}, images of {self.spec.image_size} pixels, {self.images.split}"
        return Arrays(train, test, self.images.class_names, origin, mean=mean, std=std)

    def _decode(self, files: tuple[tuple[Path, int], ...], part: str) -> Split:
        size, channels = self.spec.image_size, self.spec.channels
        images = np.empty((len(files), channels, size, size), np.uint8)

        def decode(index: int) -> None:
            path = files[index][0]
            try:
                with Image.open(path) as image:
                    images[index] = pixels_of(image, size, channels)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                raise FilesError(f"{path} cannot be read as an image: {error}.", "Replace or remove it.") from error

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow decodes and resizes beside other threads
            work = threads.map(decode, range(len(files)))
            try:
                list(tqdm(work, desc=f"packing {part}", total=len(files), unit=" images", disable=None))
            except FilesError:
                threads.shutdown(cancel_futures=True)
                raise
        return Split(images, np.array([label for _, label in files]))


def packs_of_folder(root: Path) -> list[Path]:
    """What was packed of the images in `root`: one for each size, split and number of channels that was asked for."""
    return sorted(manifest.parent for manifest in (root / PACKS).glob("*/manifest.json"))


def statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of images (N, C, H, W) in uint8, per channel, of pixels from 0 to 1; the
    deviation of a channel that is the same everywhere is taken as 1."""
    levels = np.arange(256) / 255
    channels = (images[:, channel].ravel() for channel in range(images.shape[1]))
    shares = [np.bincount(values, minlength=256) / values.size for values in channels]
    means = [float(share @ levels) for share in shares]
    deviations = [float(np.sqrt(share @ (levels - mean) ** 2)) for share, mean in zip(shares, means, strict=True)]
    return tuple(round(mean, 4) for mean in means), tuple(round(deviation, 4) or 1.0 for deviation in deviations)
