"""Keys of `data`."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from lkca_exp.config.schema.key import LARGEST_SEED, key
from lkca_exp.config.specs import FOLDER, SPECS


@dataclass
class DataConfig:
    name: str = key(
        "data set",
        MISSING,
        choices=(*SPECS, FOLDER),
    )
    root: str = key("folder of the data sets; with data=folder, of your images", "data", result=False)
    archive: str | None = key(
        "the files, if they are at hand: an archive, or the folder it was unpacked to; null: under root, or fetched",
        None,
        result=False,
    )
    fraction: float = key("share of the training images, stratified and nested", 1.0, above=0, at_most=1)
    images_per_class: int | None = key("training images of each class; null: all", None, at_least=1)
    subset_seed: int = key("which images a subset holds, and data=folder tests on", 0, at_least=0, at_most=LARGEST_SEED)
    image_size: int | None = key(
        "data=folder: side in pixels that images are resized to", None, at_least=8, at_most=1024, later=True
    )
    channels: int = key("data=folder: 3 for colours, 1 for grey", 3, choices=(1, 3), later=True)
    test_fraction: float = key(
        "data=folder without a test folder: share of each class to test on", 0.2, above=0, below=1, later=True
    )
    verify: bool = key(
        "refuse files whose checksum or counts differ; false: warn and mark the record", True, result=False
    )
