"""Keys of `model.embedding`, by option.

To add an embedding: its module in lkca_exp/models/embeddings, and its class here.
"""

from __future__ import annotations

from typing import ClassVar

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema.key import key
from lkca_exp.config.schema.mixer import SIDE_IS_ODD
from lkca_exp.config.schema.option import option


@option("model/embedding", "linear", build="lkca_exp.models.embeddings.linear:LinearEmbedding")
class EmbeddingConfig:
    """What every patch embedding has, which is all that a linear one has."""

    name: str = key("from patches to tokens", "linear")
    build: ClassVar[str]

    def check(self, derived: VitDerived) -> None:
        """Raises ConfigError where its keys break a rule."""


@option("model/embedding", "shifted", build="lkca_exp.models.embeddings.shifted:ShiftedEmbedding")
class ShiftedEmbeddingConfig(EmbeddingConfig):
    def check(self, derived: VitDerived) -> None:
        if derived.patch_size == 1:
            rule = "model/embedding=shifted shifts by half a patch."
            raise ConfigError("model.patch_size", 1, rule, "Give at least 2.")


@option("model/embedding", "convolution", build="lkca_exp.models.embeddings.convolution:ConvolutionEmbedding")
class ConvolutionEmbeddingConfig(EmbeddingConfig):
    kernel_size: int = key("side in pixels of the convolutions, odd", 3, at_least=1)

    def check(self, derived: VitDerived) -> None:
        side, kernel = derived.patch_size, self.kernel_size
        if side < 2 or side & (side - 1):
            raise ConfigError(
                "model.patch_size",
                side,
                "Each layer of model/embedding=convolution halves the image, so the side of a patch is a power of 2.",
                "Give 2 for one layer, 4 for two.",
            )
        if kernel % 2 == 0:
            raise ConfigError("model.embedding.kernel_size", kernel, SIDE_IS_ODD, f"Try {kernel - 1} or {kernel + 1}.")
