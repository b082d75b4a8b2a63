"""Keys of `model`, by option."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.schema.embedding import EmbeddingConfig
from lkca_exp.config.schema.key import key, part
from lkca_exp.config.schema.mixer import MixerConfig


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
