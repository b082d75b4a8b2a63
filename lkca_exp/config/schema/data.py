"""Keys of `data`."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from lkca_exp.config.schema.key import LARGEST_SEED, key
from lkca_exp.config.specs import SPECS


@dataclass
class DataConfig:
    name: str = key(
        "data set",
        MISSING,
        choices=tuple(SPECS),
    )
    root: str = key("folder of the data sets", "data", result=False)
    archive: str | None = key(
        "the files, if they are at hand: an archive, or the folder it was unpacked to; null: under root, or fetched",
        None,
        result=False,
    )
    fraction: float = key("share of the training images, stratified and nested", 1.0, above=0, at_most=1)
    images_per_class: int | None = key("training images of each class; null: all", None, at_least=1)
    subset_seed: int = key("which images a subset holds", 0, at_least=0, at_most=LARGEST_SEED)
    verify: bool = key(
        "refuse files whose checksum or counts differ; false: warn and mark the record", True, result=False
    )
