"""Token mixers: modules (B, N, C) -> (B, N, C) that are told their grid (h, w) of tokens. Name, file and
configuration (`model.mixer`) are one word."""

from torch import nn

from lkca_exp.models.mixers.attention import Attention
from lkca_exp.models.mixers.lkca import Lkca

MIXERS: dict[str, type[nn.Module]] = {
    "attention": Attention,
    "lkca": Lkca,
}
