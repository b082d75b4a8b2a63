"""From a data set to what one run trains on, validates on, and is tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import BestOnTestConfig, Config, DataConfig, HoldoutConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.data.arrays import Split
from lkca_exp.data.splits import split_off, subset
from lkca_exp.data.store import load


@dataclass(frozen=True)
class RunData:
    """`validation` is evaluated after every epoch and chooses one; `validation_name` is "val", "test" or empty.
    `content` is that of the whole data set (see Arrays), `origin` what it was read from; images are normalised by
    `mean` and `std`."""

    train: Split
    validation: Split | None
    validation_name: str
    test: Split
    class_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    content: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    origin: str = ""


def prepare(config: Config) -> RunData:
    """Load the data set, take the subset, and split as the protocol says: a validation set is part of the subset.

    Raises:
        ConfigError: if files are missing or damaged.
    """
    arrays, protocol = load(config.data), config.protocol
    train, test = _subset(arrays.train, config.data), arrays.test
    run_data = RunData(
        train,
        None,
        "",
        test,
        arrays.class_names,
        arrays.warnings,
        arrays.content,
        arrays.mean or SPECS[config.data.name].mean,
        arrays.std or SPECS[config.data.name].std,
        arrays.origin,
    )
    if isinstance(protocol, HoldoutConfig):
        count = max(round(protocol.validation_fraction * len(train)), 1)
        rest, chosen = split_off(train.labels, count, protocol.split_seed)
        run_data = replace(run_data, train=train.take(rest), validation=train.take(chosen), validation_name="val")
    elif isinstance(protocol, BestOnTestConfig):
        run_data = replace(run_data, validation=test, validation_name="test")
    return _overfit(run_data, config) if config.trainer.overfit_batches else run_data


def _subset(train: Split, data: DataConfig) -> Split:
    """The share of `train` that is asked for; all of it stays where it is, in pages that processes share."""
    if data.fraction == 1 and data.images_per_class is None:
        return train
    rarest = int(np.unique(train.labels, return_counts=True)[1].min())
    if data.images_per_class is not None and data.images_per_class > rarest:  # fewer than the published files have
        raise ConfigError(
            "data.images_per_class",
            data.images_per_class,
            f"The rarest class of these files has {rarest} training images.",
            f"Give at most {rarest}.",
        )
    return train.take(
        subset(train.labels, data.subset_seed, fraction=data.fraction, images_per_class=data.images_per_class)
    )


def _overfit(data: RunData, config: Config) -> RunData:
    """A few batches in every role: a model that can learn reaches 100 % on them."""
    few = data.train.take(slice(config.trainer.overfit_batches * config.batch_size))  # type: ignore[arg-type]
    return replace(data, train=few, validation=few if data.validation else None, test=few)
