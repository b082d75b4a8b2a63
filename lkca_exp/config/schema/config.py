"""The whole configuration of a run."""

from __future__ import annotations

from dataclasses import dataclass

from lkca_exp.config.schema.augment import AugmentConfig
from lkca_exp.config.schema.data import DataConfig
from lkca_exp.config.schema.key import LARGEST_SEED, key, part
from lkca_exp.config.schema.model import ModelConfig
from lkca_exp.config.schema.output import LoggerConfig, PathsConfig, ReportConfig
from lkca_exp.config.schema.training import OptimConfig, ProtocolConfig, TrainerConfig


@dataclass
class Config:
    study: str = key("folder of the run under paths.runs, and group in W&B", "default", result=False)
    seed: int = key("initial weights, order of the images, augmentation, dropout", 0, at_least=0, at_most=LARGEST_SEED)
    seeds: int = key(
        "runs of this, with seed, seed+1, ...: repeats, whose mean is what a sweeper tunes",
        1,
        at_least=1,
        at_most=1000,
        result=False,
    )
    epochs: int = key("passes over the training images", 30, at_least=1, at_most=1_000_000)
    batch_size: int = key("images a step, over all devices", 64, at_least=1, at_most=2**20)
    precision: str = key(
        "fp32; on a GPU also tf32, for its matrix products and convolutions; or bf16 autocast",
        "fp32",
        choices=("fp32", "tf32", "bf16"),
    )
    compile: bool | str = key(
        "train the model as torch.compile makes it; auto: where the run is long enough to earn the time back",
        "auto",
        choices=("auto", True, False),
        result=False,
    )
    keep: str = key(
        "after success: the weights, also the optimiser's state, or neither",
        "weights",
        choices=("weights", "all", "none"),
        result=False,
    )
    force: bool = key("train again although a result exists", False, result=False)
    on_failure: str = key(
        "after a failed run the rest of a sweep goes on, unless the first three failed alike; or stops",
        "continue",
        choices=("continue", "stop"),
        result=False,
    )
    data: DataConfig = part(DataConfig, "data set and subset")
    augment: AugmentConfig = part(AugmentConfig, "augmentation of training batches")
    model: ModelConfig = part(ModelConfig, "model")
    optim: OptimConfig = part(OptimConfig, "optimiser, schedule and loss")
    protocol: ProtocolConfig = part(ProtocolConfig, "what is validated, selected and tested")
    trainer: TrainerConfig = part(TrainerConfig, "where and how to run")
    logger: LoggerConfig = part(LoggerConfig, "where curves go beside the local record", result=False)
    paths: PathsConfig = part(PathsConfig, "folders", result=False)
    report: ReportConfig = part(ReportConfig, "how a sweep is compared", result=False)
