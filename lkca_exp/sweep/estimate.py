"""What a run will cost: its model's size, and the time, judged from runs that finished."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.folder import facts_of
from lkca_exp.config.job import Job
from lkca_exp.config.schema import AugmentConfig, DataConfig
from lkca_exp.runs.record import Record, read_finished


class Estimate:
    """Seconds of whole runs, from the records of finished ones: of the same group where there are any, else by the
    operations a second that others of the same mixer, or baseline, did, or any."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._rates: dict[str, list[float]] = defaultdict(list)
        for record in records:
            if not (seconds := record.timings.seconds):
                continue
            self._seconds[record.group].append(seconds)
            if "flops_per_image" not in record.model:
                continue
            with suppress(ConfigError):  # a data set that is not known here, or a folder that is gone
                operations = record.model["flops_per_image"] * images_trained(record.config)
                for kind in (_kind(record.config), "any"):
                    self._rates[kind].append(operations / seconds)

    def seconds(self, group: str, config: dict[str, Any], flops_per_image: int) -> float | None:
        """Of a run of this group and configuration (as in a record); None if nothing comparable has finished."""
        if group in self._seconds:
            return median(self._seconds[group])
        rates = self._rates.get(_kind(config)) or self._rates.get("any")
        return flops_per_image * images_trained(config) / median(rates) if rates else None


def _kind(config: dict[str, Any]) -> str:
    """The mixer, or for a model that has none its family in vit-pytorch or its name in timm."""
    model = config["model"]
    if "family" in model:
        return model["family"]
    return model.get("mixer", model).get("name", "")


def price(job: Job) -> tuple[int, int]:
    """Parameters of a job's model, and operations of one image's forward pass. Imports torch."""
    import torch

    from lkca_exp.models.build import build_model, count_parameters, flops_per_image

    with torch.device("meta"):
        model = build_model(job.config.model, job.derived)
    return count_parameters(model), flops_per_image(model, job.derived)


def images_trained(config: dict[str, Any]) -> float:
    """Images that go through a run of this configuration; those of validation counted as if trained on."""
    data = config["data"]
    spec = facts_of(DataConfig(**{known.name: data[known.name] for known in fields(DataConfig) if known.name in data}))
    images = spec.num_train * data.get("fraction", DataConfig.fraction)
    if data.get("images_per_class") is not None:
        images = data["images_per_class"] * spec.num_classes
    return images * config.get("augment", {}).get("passes_per_epoch", AugmentConfig.passes_per_epoch) * config["epochs"]


def finished_records(root: Path) -> list[Record]:
    """The records of all finished runs in the studies below `root` that were trained where they are."""
    records = (read_finished(path.parent) for path in root.glob("*/*/run.json"))
    return [record for record in records if record and record.reused_from is None]
