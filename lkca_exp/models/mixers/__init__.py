"""Token mixers: modules (B, N, C) -> (B, N, C) that are told their grid (h, w) of tokens.

To add one: a file here whose class has `from_config`, a row below, its keys in config/schema/ (a class and a row of
GROUP_SCHEMAS), and conf/model/mixer/NAME.yaml. Its name is the same word in all of them.
"""

from typing import Any, Protocol

from torch import nn

from lkca_exp.config.derive import VitDerived
from lkca_exp.models.mixers.attention import Attention
from lkca_exp.models.mixers.identity import Identity
from lkca_exp.models.mixers.lkca import Lkca
from lkca_exp.models.mixers.lkca_gated import LkcaGated
from lkca_exp.models.mixers.locality_attention import LocalityAttention
from lkca_exp.models.mixers.pooling import Pooling
from lkca_exp.models.mixers.relative_attention import RelativeAttention


class Mixer(Protocol):
    """`from_config` makes the module that `model.mixer` describes, with what follows from the rest."""

    @classmethod
    def from_config(cls, config: Any, derived: VitDerived) -> nn.Module: ...


MIXERS: dict[str, type[Mixer]] = {
    "attention": Attention,
    "locality_attention": LocalityAttention,
    "relative_attention": RelativeAttention,
    "lkca": Lkca,
    "lkca_depthwise": Lkca,
    "lkca_gated": LkcaGated,
    "pooling": Pooling,
    "identity": Identity,
}
