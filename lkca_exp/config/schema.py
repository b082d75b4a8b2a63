"""Every key of the configuration: its type, its default, its unit and the rule a single value must keep.

This file is the one home of defaults. The YAML under `conf/` only makes choices; relations between keys are in
`checks.py`; values that follow from others (a key left at `null`) are worked out in `derive.py`.
"""

from __future__ import annotations

from dataclasses import MISSING as REQUIRED
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.machine import register_resolvers


def key(
    help: str,
    default: Any = REQUIRED,
    *,
    choices: tuple[str | bool, ...] = (),
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    result: bool = True,
    later: bool = False,
) -> Any:
    """A configuration key. `result=False` says that its value cannot change what a run computes, so that it is no part
    of the run's identity; `later=True` that there were results before there was this key, so that it is a part only
    where it is not at its default, which is what those results were made with."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    rule = {"help": help, "choices": choices, "result": result, "later": later}
    rule |= {name: bound for name, bound in bounds.items() if bound is not None}
    return field(default=default, metadata=rule)


def part(cls: type, help: str, *, result: bool = True) -> Any:
    """A nested group of keys; `result=False` holds for all of them."""
    return field(default_factory=cls, metadata={"help": help, "result": result})


@dataclass
class DataConfig:
    name: str = key(
        "data set",
        MISSING,
        choices=("digits", "fashion_mnist", "cifar10", "cifar100", "svhn", "tiny_imagenet"),
    )
    root: str = key("folder of the data sets", "data", result=False)
    archive: str | None = key(
        "the files, if they are at hand: an archive, or the folder it was unpacked to; null: under root, or fetched",
        None,
    )
    fraction: float = key("share of the training images, stratified and nested", 1.0, above=0, at_most=1)
    images_per_class: int | None = key("training images of each class; null: all", None, at_least=1)
    subset_seed: int = key("which images a subset holds", 0, at_least=0)
    verify: bool = key("refuse files whose checksum or counts differ; false: warn and mark the record", True)


@dataclass
class AugmentConfig:
    """The defaults of what is switched off are those of Lee et al. 2021, arXiv 2112.13492, whose protocol asks for
    erasing and mixing, and of torchvision for RandAugment."""

    crop_padding_px: int | None = key(
        "random crop after padding by this many pixels; null: an eighth of the image side", None, at_least=0
    )
    mirror: bool | None = key("mirror half of the images left to right; null: where it keeps the label", None)
    policy: str = key(
        "operations on shape and colour: AutoAugment, RandAugment or TrivialAugment Wide",
        "none",
        choices=("none", "auto", "rand", "trivial"),
    )
    policy_fill: int = key("grey level that moves in when a policy moves an image", 0, at_least=0, at_most=255)
    auto_policy: str | None = key(
        "AutoAugment's table, by the data set it was learned on; null: the one that suits the data",
        None,
        choices=("cifar10", "svhn", "imagenet"),
    )
    rand_num_ops: int = key("RandAugment's operations an image", 2, at_least=1)
    rand_magnitude: float = key("RandAugment's level of strength, of 30", 9.0, at_least=0, at_most=30)
    rand_magnitude_std: float = key("its standard deviation from operation to operation", 0.0, at_least=0)
    rand_probability: float = key("probability of each of RandAugment's operations", 1.0, above=0, at_most=1)
    erase_probability: float = key("share of the images with an erased rectangle; 0: off", 0.0, at_least=0, at_most=1)
    erase_min_area: float = key("smallest area erased, over the image's", 0.02, above=0, below=1)
    erase_max_area: float = key("largest area erased, over the image's", 0.4, above=0, below=1)
    erase_min_aspect: float = key("smallest height over width of the rectangle, and inversely", 0.3, above=0, at_most=1)
    erase_aspect: str = key(
        "what is drawn evenly, the aspect ratio or its logarithm", "uniform", choices=("uniform", "log_uniform")
    )
    erase_fill: str = key(
        "written after normalisation: 0, the figures of the channel means (as Lee et al. do), or normal noise",
        "mean",
        choices=("zero", "mean", "noise"),
    )
    cutout_px: int = key("side of a square blanked at a random place of every image; 0: off", 0, at_least=0)
    mix_probability: float = key("share of the batches mixed by CutMix or MixUp; 0: off", 0.0, at_least=0, at_most=1)
    cutmix_alpha: float = key("CutMix: parameter of the beta distribution; 0: MixUp only", 1.0, at_least=0)
    mixup_alpha: float = key("MixUp: parameter of the beta distribution; 0: CutMix only", 1.0, at_least=0)
    mix_per_image: bool = key("draw how to mix for every image, not once a batch", False)
    repeats: int = key("copies of an image in a row, each augmented differently; an epoch is no longer", 1, at_least=1)
    passes_per_epoch: int = key("passes over the training images that count as one epoch", 1, at_least=1)


@dataclass
class MixerConfig:
    """What every token mixer has: a name, which is also its file's name in lkca_exp/models/mixers."""

    name: str = MISSING


@dataclass
class HeadsConfig(MixerConfig):
    """The keys of every attention."""

    num_heads: int | None = key("heads; null: as model.size says", None, at_least=1)
    qkv_bias: bool = key("a bias in the map to queries, keys and values", True, later=True)
    dropout: float = key("chance to drop an attention weight while training", 0.0, at_least=0, below=1, later=True)


@dataclass
class AttentionConfig(HeadsConfig):
    name: str = "attention"


@dataclass
class LocalityAttentionConfig(HeadsConfig):
    name: str = "locality_attention"


@dataclass
class RelativeAttentionConfig(HeadsConfig):
    name: str = "relative_attention"


@dataclass
class KernelConfig(MixerConfig):
    """The keys of mixers with a large kernel."""

    kernel_size: int | None = key(
        "kernel side in tokens, odd; null: 2n-1, every token sees every other", None, at_least=1
    )
    sharing: str = key("one kernel per channel, per head, or for all", "channel", choices=("channel", "head", "all"))
    num_heads: int | None = key("heads, read with sharing=head; null: as model.size says", None, at_least=1)
    view: str = key(
        "compute as a convolution, as the N x N matrix of attention, or as whatever is faster",
        "auto",
        choices=("auto", "convolution", "attention"),
    )
    init: str = key(
        "kernel at the start: uniform in +-1/K (as torch's convolution), or normal with std 0.02",
        "uniform",
        choices=("uniform", "normal"),
    )


@dataclass
class LkcaConfig(KernelConfig):
    name: str = "lkca"
    projections: bool = key("value and output projections around the kernel", False)


@dataclass
class LkcaGatedConfig(KernelConfig):
    name: str = "lkca_gated"


@dataclass
class PoolingConfig(MixerConfig):
    name: str = "pooling"
    kernel_size: int = key("side in tokens of the square that is averaged, odd", 3, at_least=1)


@dataclass
class IdentityConfig(MixerConfig):
    name: str = "identity"


@dataclass
class EmbeddingConfig:
    """What every patch embedding has: a name, which is also its file's name in lkca_exp/models/embeddings. It is all
    that a linear one has."""

    name: str = key("from patches to tokens", "linear", later=True)


@dataclass
class ShiftedEmbeddingConfig(EmbeddingConfig):
    name: str = "shifted"


@dataclass
class ConvolutionEmbeddingConfig(EmbeddingConfig):
    name: str = "convolution"
    kernel_size: int = key("side in pixels of the convolutions, odd", 3, at_least=1)


@dataclass
class ModelConfig:
    """What every model has: a name, `vit` for the one that is written here, else what timm calls it."""

    name: str = MISSING


@dataclass
class VitConfig(ModelConfig):
    name: str = "vit"
    size: str = key("named width, depth, heads and MLP ratio", "xs", choices=("xs", "lee2021", "tiny", "small", "base"))
    width: int | None = key("channels of a token; null: as size says", None, at_least=1)
    depth: int | None = key("blocks; null: as size says", None, at_least=1)
    mlp_ratio: float | None = key("hidden channels of the MLP over width; null: as size says", None, above=0)
    patch_size: int | None = key("side of a patch in pixels; null: the usual one for the data set", None, at_least=1)
    positions: str = key("position embedding", "learned", choices=("learned", "sincos", "none"))
    pooling: str = key(
        "what the classifier reads: a mean of all tokens, plain or with learned weights, or a token of its own",
        "mean",
        choices=("mean", "class_token", "sequence"),
    )
    mlp_residual: str = key(
        "what the MLP's output is added to: the tokens before its norm, or after it as in CCT's code",
        "tokens",
        choices=("tokens", "normed"),
        later=True,
    )
    drop_path: float = key(
        "stochastic depth: chance to skip the last block, rising linearly from 0", 0.1, at_least=0, below=1
    )
    embedding: EmbeddingConfig = part(EmbeddingConfig, "from pixels to tokens")
    mixer: MixerConfig = part(MixerConfig, "the part under comparison")


@dataclass
class TimmConfig(ModelConfig):
    """A model of the timm package, with fresh weights."""

    name: str = key("what timm calls it", MISSING)
    stem: str = key(
        "the first layers: timm's, or (of a ResNet) a 3x3 convolution of stride 1 and no pooling, for small images",
        "timm",
        choices=("timm", "small"),
    )
    patches_per_side: int | None = key(
        "patches along a side of the image, so that timm's patch_size is the image's side over it; null: timm's own",
        None,
        at_least=1,
    )
    drop_path: float = key("stochastic depth, as timm spreads it over the model", 0.0, at_least=0, below=1)
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for timm's constructor, such as depths=[2,6,4]"}
    )


@dataclass
class OptimConfig:
    name: str = key("optimiser", "adamw", choices=("adamw",))
    lr: float = key("peak learning rate", 1e-3, above=0)
    weight_decay: float = key("on weight matrices only", 0.05, at_least=0)
    beta1: float = key("decay of the gradient's mean", 0.9, at_least=0, below=1)
    beta2: float = key("decay of the squared gradient's mean", 0.999, at_least=0, below=1)
    warmup_epochs: float | None = key("linear warm-up; null: a tenth of epochs", None, at_least=0)
    final_lr_ratio: float = key("learning rate at the end over lr, reached by a cosine", 0.0, at_least=0, at_most=1)
    clip_norm: float | None = key("largest norm of the gradient; null: no clipping", 1.0, above=0)
    label_smoothing: float = key("share of the target spread over all classes", 0.1, at_least=0, below=1)
    ema_decay: float | None = key(
        "evaluate the moving average of the weights, with this decay a step; null: off", None, above=0, below=1
    )


@dataclass
class ProtocolConfig:
    name: str = MISSING


@dataclass
class HoldoutConfig(ProtocolConfig):
    """A stratified part of train is validation and chooses the epoch; test is read once, at the end."""

    name: str = "holdout"
    validation_fraction: float = key("share of the training images held out", 0.1, above=0, below=1)
    split_seed: int = key("which images are held out", 0, at_least=0)


@dataclass
class FinalConfig(ProtocolConfig):
    """Trains on all of train, selects nothing and reads test once, with the last weights."""

    name: str = "final"


@dataclass
class BestOnTestConfig(ProtocolConfig):
    """Reports the best test accuracy over the epochs, as much of the literature does; stamped so everywhere."""

    name: str = "best_on_test"


@dataclass
class TrainerConfig:
    accelerator: str = key("where to train", "auto", choices=("auto", "cpu", "gpu"), result=False)
    devices: int = key("processes, one device each", 1, at_least=1, result=False)
    jobs_per_gpu: int = key(
        "jobs of a sweep that share a GPU, where the launcher starts several at once", 1, at_least=1, result=False
    )
    strategy: str = key("how several devices share a batch", "auto", choices=("auto", "ddp"), result=False)
    progress_bar: bool = key("show a bar on a terminal", True, result=False)
    fast_run: bool = key("one epoch of two batches, to see that everything works", False)
    overfit_batches: int = key("train and evaluate on this many batches only; 0: off", 0, at_least=0)


@dataclass
class LoggerConfig:
    name: str = MISSING


@dataclass
class WandbConfig(LoggerConfig):
    name: str = "wandb"
    project: str = key("W&B project", "lkca_exp")
    entity: str | None = key("W&B user or team; null: the account's own", None)
    mode: str = key(
        "auto goes online where credentials are found", "auto", choices=("auto", "online", "offline", "disabled")
    )


@dataclass
class TensorboardConfig(LoggerConfig):
    name: str = "tensorboard"


@dataclass
class NoLoggerConfig(LoggerConfig):
    name: str = "none"


@dataclass
class PathsConfig:
    runs: str = key("folder of the run records", "runs")


@dataclass
class Config:
    study: str = key("folder of the run under paths.runs, and group in W&B", "default", result=False)
    seed: int = key("initial weights, order of the images, augmentation, dropout", 0, at_least=0, at_most=2**31 - 1)
    seeds: int = key(
        "runs of this, with seed, seed+1, ...: repeats, whose mean is what a sweeper tunes", 1, at_least=1, result=False
    )
    epochs: int = key("passes over the training images", 30, at_least=1)
    batch_size: int = key("images a step, over all devices", 64, at_least=1)
    precision: str = key("fp32, or bf16 autocast", "fp32", choices=("fp32", "bf16"))
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


@dataclass
class StudySweeperConfig:
    """Keys of `hydra.sweeper`, which say what the jobs of a sweep are: every case at every point of the grid."""

    _target_: str = "hydra_plugins.lkca_exp_sweeper.StudySweeper"
    params: dict[str, str] | None = key("a grid: key -> its values, as on the command line", None)
    cases: list[str] = field(
        default_factory=list,
        metadata={"help": "overrides that go together, as on a command line; whole experiments as +experiment=a,b"},
    )
    exclude: list[str] = field(
        default_factory=list, metadata={"help": "overrides; a job to which all of one list apply is left out"}
    )


GROUP_SCHEMAS: dict[str, dict[str, type]] = {
    "model": {"vit": VitConfig, "timm": TimmConfig},
    "model/mixer": {
        "attention": AttentionConfig,
        "locality_attention": LocalityAttentionConfig,
        "relative_attention": RelativeAttentionConfig,
        "lkca": LkcaConfig,
        "lkca_gated": LkcaGatedConfig,
        "pooling": PoolingConfig,
        "identity": IdentityConfig,
    },
    "model/embedding": {
        "linear": EmbeddingConfig,
        "shifted": ShiftedEmbeddingConfig,
        "convolution": ConvolutionEmbeddingConfig,
    },
    "protocol": {"holdout": HoldoutConfig, "final": FinalConfig, "best_on_test": BestOnTestConfig},
    "logger": {"wandb": WandbConfig, "tensorboard": TensorboardConfig, "none": NoLoggerConfig},
}
"""The groups whose options differ in their keys. The YAML of an option names its schema in its defaults list."""


def schema_of(group: str, name: str) -> type | None:
    """The schema behind `<group>.name`, None if there is none. A model whose name is not ours is timm's."""
    return GROUP_SCHEMAS[group].get(name) or (TimmConfig if group == "model" else None)


PLUGIN_SCHEMAS = {"launcher": ("joblib", "ray", "submitit_local", "submitit_slurm"), "sweeper": ("optuna",)}
"""The options of `hydra/launcher` and `hydra/sweeper` whose YAML here takes the place of the one their plugin brings,
and is laid over it: a default `plugin: NAME`."""


def register() -> None:
    """Make the schemas known to Hydra, under the group `schema`, and the resolvers that launchers' YAML uses."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    register_resolvers()
    store = ConfigStore.instance()
    store.store(group="schema", name="config", node=Config, package="_global_")
    store.store(group="hydra/sweeper", name="study", node=StudySweeperConfig)
    for group, schemas in GROUP_SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
    Plugins.instance()  # which has those that are installed enter their configurations
    for group, names in PLUGIN_SCHEMAS.items():
        for name in names:
            if theirs := store.repo["hydra"][group].pop(f"{name}.yaml", None):
                theirs.node._content.pop("defaults", None)  # which ours has
                store.store(group=f"hydra/{group}/plugin", name=name, node=theirs.node, provider=theirs.provider)
