"""Token mixers: modules (B, N, C) -> (B, N, C) that are told their grid (h, w) of tokens.

To add one: a file here whose class has `from_config`, a row below, its keys in config/schema.py (a class and a row of
GROUP_SCHEMAS), and conf/model/mixer/NAME.yaml. Its name is the same word in all of them.
"""

from typing import Any, Protocol

from torch import nn

from lkca_exp.config.derive import Derived
from lkca_exp.models.mixers.attention import Attention
from lkca_exp.models.mixers.lkca import Lkca


class Mixer(Protocol):
    """`from_config` makes the module that `model.mixer` describes, with what follows from the rest."""

    @classmethod
    def from_config(cls, config: Any, derived: Derived) -> nn.Module: ...


MIXERS: dict[str, type[Mixer]] = {
    "attention": Attention,
    "lkca": Lkca,
}
