"""From a data set to what one run trains on, watches while training, and is tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lkca_exp.config.schema import BestOnTestConfig, Config, HoldoutConfig
from lkca_exp.data.arrays import Split
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.splits import split_off, subset


@dataclass(frozen=True)
class RunData:
    """`watched` is evaluated after every epoch and chooses one; `watched_name` is "val", "test" or empty."""

    train: Split
    watched: Split | None
    watched_name: str
    test: Split
    warnings: tuple[str, ...] = ()


def prepare(config: Config) -> RunData:
    """Load the data set, take the subset, and split as the protocol says: a validation set is part of the subset.

    Raises:
        ConfigError: if files are missing or damaged.
    """
    arrays = SOURCES[config.data.name](Path(config.data.root), config.data.verify)
    data, protocol = config.data, config.protocol
    kept = subset(arrays.train.labels, data.subset_seed, fraction=data.fraction, images_per_class=data.images_per_class)
    train, test = arrays.train.take(kept), arrays.test
    run_data = RunData(train, None, "", test, arrays.warnings)
    if isinstance(protocol, HoldoutConfig):
        count = max(round(protocol.validation_fraction * len(train)), 1)
        rest, held_out = split_off(train.labels, count, protocol.split_seed)
        run_data = replace(run_data, train=train.take(rest), watched=train.take(held_out), watched_name="val")
    elif isinstance(protocol, BestOnTestConfig):
        run_data = replace(run_data, watched=test, watched_name="test")
    return _overfit(run_data, config) if config.trainer.overfit_batches else run_data


def _overfit(data: RunData, config: Config) -> RunData:
    """A few batches in every role: a model that can learn reaches 100 % on them."""
    few = data.train.take(slice(config.trainer.overfit_batches * config.batch_size))  # type: ignore[arg-type]
    return replace(data, train=few, watched=few if data.watched else None, test=few)
