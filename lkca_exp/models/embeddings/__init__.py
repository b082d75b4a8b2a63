"""Patch embeddings: modules that take images (B, channels, h*p, w*p) to tokens (B, N, C) in rows of the grid.

To add one: a file here whose class has `from_config`, a row below, its keys in config/schema/ (a class and a row of
GROUP_SCHEMAS), and conf/model/embedding/NAME.yaml. Its name is the same word in all of them.
"""

from typing import Any, Protocol

from torch import nn

from lkca_exp.config.derive import VitDerived
from lkca_exp.models.embeddings.convolution import ConvolutionEmbedding
from lkca_exp.models.embeddings.linear import LinearEmbedding
from lkca_exp.models.embeddings.shifted import ShiftedEmbedding


class Embedding(Protocol):
    """`from_config` makes the module that `model.embedding` describes, with what follows from the rest."""

    @classmethod
    def from_config(cls, config: Any, derived: VitDerived) -> nn.Module: ...


EMBEDDINGS: dict[str, type[Embedding]] = {
    "linear": LinearEmbedding,
    "shifted": ShiftedEmbedding,
    "convolution": ConvolutionEmbedding,
}
