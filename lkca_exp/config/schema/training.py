"""Keys of `optim`, `protocol` (by option) and `trainer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.schema.key import LARGEST_SEED, key
from lkca_exp.config.schema.option import option
from lkca_exp.config.timm_names import timm_optimizers


@dataclass
class OptimConfig:
    """What training with any optimiser has."""

    name: str = MISSING
    lr: float = key("peak learning rate", 1e-3, above=0)
    weight_decay: float = key("weight decay", 0.05, at_least=0)
    weight_decay_on: str = key(
        "what decays: weight matrices and kernels; or all parameters, also biases, norms, positions and class tokens",
        "weights",
        choices=("weights", "all"),
    )
    warmup_epochs: float | None = key("linear warm-up; null: a tenth of epochs", None, at_least=0)
    initial_lr_ratio: float | None = key(
        "learning rate of the first step over lr; null: 1/(W+1) for W steps of warm-up", None, at_least=0, at_most=1
    )
    final_lr_ratio: float = key("learning rate at the end over lr, reached by a cosine", 0.0, at_least=0, at_most=1)
    clip_norm: float | None = key("largest norm of the gradient; null: no clipping", 1.0, above=0)
    label_smoothing: float = key("share of the target spread over all classes", 0.1, at_least=0, below=1)
    ema_decay: float | None = key(
        "evaluate the moving average of the weights, with this decay a step; null: off", None, above=0, below=1
    )

    def check(self) -> None:
        """Raises ConfigError where its keys break a rule."""


@option("optim", "adamw")
class AdamwConfig(OptimConfig):
    beta1: float = key("decay of the gradient's mean", 0.9, at_least=0, below=1)
    beta2: float = key("decay of the squared gradient's mean", 0.999, at_least=0, below=1)


@option("optim", "timm")
class TimmOptimConfig(OptimConfig):
    """An optimiser of the timm package."""

    name: str = key("what timm calls it", MISSING)
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for timm's optimiser, such as momentum=0.9"}
    )

    def check(self) -> None:
        if self.name not in timm_optimizers():
            hint = did_you_mean(self.name, timm_optimizers())
            raise ConfigError("optim.name", self.name, "timm has no such optimiser that works on any machine.", hint)


@dataclass
class ProtocolConfig:
    name: str = MISSING


@option("protocol", "holdout")
class HoldoutConfig(ProtocolConfig):
    """A stratified part of train is validation and chooses the epoch; test is read once, at the end."""

    validation_fraction: float = key("share of the training images for validation", 0.1, above=0, below=1)
    split_seed: int = key("which images are for validation", 0, at_least=0, at_most=LARGEST_SEED)


@option("protocol", "final")
class FinalConfig(ProtocolConfig):
    """Trains on all of train, selects nothing and reads test once, with the last weights."""


@option("protocol", "best_on_test")
class BestOnTestConfig(ProtocolConfig):
    """Reports the best test accuracy over the epochs, as much of the literature does; stamped so everywhere."""


@dataclass
class TrainerConfig:
    accelerator: str = key("where to train", "auto", choices=("auto", "cpu", "gpu"), result=False)
    devices: int = key("processes, one device each", 1, at_least=1, at_most=1024, result=False)
    jobs_per_gpu: int = key(
        "jobs of a sweep that share a GPU, where the launcher starts several at once",
        1,
        at_least=1,
        at_most=64,
        result=False,
    )
    memory_share: float = key(
        "the most of a GPU's memory that a process may take, as a share of 1", 1.0, above=0, at_most=1, result=False
    )
    deterministic: bool = key(
        "on a GPU: compute in ways that give the same bits each time, or fail where there are none; "
        "a CPU does so anyway",
        False,
        result=False,
    )
    graphs: bool = key(
        "on one GPU, for our own models and AdamW: a training step is one CUDA graph; of a mixer that waits for the "
        "GPU it cannot be",
        True,
        result=False,
    )
    strategy: str = key("how several devices share a batch", "auto", choices=("auto", "ddp"), result=False)
    progress_bar: bool = key("show a bar on a terminal", True, result=False)
    fast_run: bool = key("one epoch of two batches, to see that everything works", False)
    overfit_batches: int = key("train and evaluate on this many batches only; 0: off", 0, at_least=0, at_most=10_000)
