"""Keys of `model.embedding`, by option."""

from __future__ import annotations

from dataclasses import dataclass

from lkca_exp.config.schema.key import key


@dataclass
class EmbeddingConfig:
    """What every patch embedding has: a name, which is also its file's name in lkca_exp/models/embeddings. It is all
    that a linear one has."""

    name: str = key("from patches to tokens", "linear")


@dataclass
class ShiftedEmbeddingConfig(EmbeddingConfig):
    name: str = "shifted"


@dataclass
class ConvolutionEmbeddingConfig(EmbeddingConfig):
    name: str = "convolution"
    kernel_size: int = key("side in pixels of the convolutions, odd", 3, at_least=1)
