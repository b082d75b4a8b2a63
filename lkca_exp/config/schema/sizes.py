"""Named sizes of our own model."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Channels of a token, blocks, heads of a mixer that has any, hidden channels of the MLP over width."""

    width: int
    depth: int
    num_heads: int
    mlp_ratio: float


SIZES = {
    "xs": Size(64, 6, 4, 2.0),
    # Touvron et al. 2021, arXiv 2012.12877: DeiT-Ti, -S and -B
    "tiny": Size(192, 12, 3, 4.0),
    "small": Size(384, 12, 6, 4.0),
    "base": Size(768, 12, 12, 4.0),
    # Lee et al. 2021, arXiv 2112.13492; ViT-Small of Li et al. 2024
    "lee2021": Size(192, 9, 12, 2.0),
    # Li et al. 2024, arXiv 2401.05738, models/create_model.py of their code
    "vit_05m": Size(120, 4, 4, 2.0),
    "vit_lite": Size(136, 7, 8, 2.0),
    "vit_2m": Size(200, 6, 8, 2.0),
    "vit_4m": Size(264, 7, 8, 2.0),
    "vit_8m": Size(312, 10, 8, 2.0),
    "lkca_05m": Size(100, 8, 4, 2.0),
    "lkca_t": Size(136, 9, 8, 2.0),
    "lkca_2m": Size(192, 9, 12, 2.0),
    "lkca_b": Size(210, 10, 10, 2.0),
    "lkca_4m": Size(246, 11, 6, 2.0),
    "lkca_8m": Size(306, 14, 6, 2.0),
    "lkca_l": Size(360, 12, 8, 3.0),
}
