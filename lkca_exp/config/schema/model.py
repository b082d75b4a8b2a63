"""Keys of `model`, by option."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.schema.embedding import EmbeddingConfig
from lkca_exp.config.schema.key import key, part
from lkca_exp.config.schema.mixer import MixerConfig
from lkca_exp.config.schema.sizes import SIZES
from lkca_exp.config.vit_pytorch_families import FAMILIES


@dataclass
class ModelConfig:
    """What every model has: a name, `vit` for the one that is written here, else what timm calls it."""

    name: str = MISSING
    preset: str | None = key("the file of conf/model that chose the values, for names in tables", None, result=False)


@dataclass
class VitConfig(ModelConfig):
    name: str = "vit"
    size: str = key("named width, depth, heads and MLP ratio", "xs", choices=tuple(SIZES))
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
    )
    final_norm: str = key(
        "where the last norm stands: over the tokens, before they are pooled, or over what the classifier reads",
        "before_pooling",
        choices=("before_pooling", "after_pooling"),
    )
    norm_epsilon: float = key("added to the variance in every norm", 1e-6, above=0)
    drop_path: float = key("stochastic depth: chance to skip a branch of the last block", 0.1, at_least=0, below=1)
    drop_path_schedule: str = key(
        "the chance in the blocks before the last: rising linearly from 0, or the same in all",
        "rising",
        choices=("rising", "constant"),
    )
    init: str = key(
        "linear layers at the start: Xavier's uniform or normal distribution",
        "xavier_uniform",
        choices=("xavier_uniform", "xavier_normal"),
    )
    position_std: float = key(
        "standard deviation of learned positions, and of the class token, at the start", 0.02, above=0
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
    positions: str = key(
        "added to the patches: timm's own, or further learned ones, one for each patch, that start from N(0, 0.02)",
        "timm",
        choices=("timm", "learned"),
    )
    drop_path: float = key("stochastic depth, as timm spreads it over the model", 0.0, at_least=0, below=1)
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for timm's constructor, such as depths=[2,6,4]"}
    )


@dataclass
class VitPytorchConfig(ModelConfig):
    """A model of the vit-pytorch package, with fresh weights. Arguments that follow from the data set, such as
    `image_size`, are no options."""

    name: str = "vit_pytorch"
    family: str = key("module of the package", MISSING, choices=tuple(FAMILIES))
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for the class's constructor, such as depth=10"}
    )
