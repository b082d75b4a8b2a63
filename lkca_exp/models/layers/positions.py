"""Where a token lies: a learned vector per position, fixed sines and cosines, or nothing.

Learned: Dosovitskiy et al., arXiv 2010.11929. Sincos: the 2-D variant of Chen et al. (MoCo v3, arXiv 2104.02057), as in
Beyer et al., "Better plain ViT baselines", arXiv 2205.01580: half of the channels tell the column, half the row, in
sines and cosines of wavelengths from 2 pi to 2 pi * 10,000 tokens. A class token lies nowhere: its row is zero.

Shapes: B batch, N tokens (a class token, if any, in front), C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lkca_exp.models.layers.choice import check_choice
from lkca_exp.models.layers.initial import Generators, from_global

POSITIONS = ("learned", "sincos", "none")


def make_positions(kind: str, grid: tuple[int, int], width: int, class_token: bool, std: float) -> nn.Module:
    """A module (B, N, C) -> (B, N, C) that adds positions of the given kind; learned ones start from N(0, std)."""
    check_choice("positions", kind, POSITIONS)
    if kind == "learned":
        return LearnedPositions(grid[0] * grid[1] + class_token, width, std)
    return SincosPositions(grid, width, class_token) if kind == "sincos" else nn.Identity()


class LearnedPositions(nn.Module):
    def __init__(self, num_tokens: int, width: int, std: float) -> None:
        super().__init__()
        self.std = std
        self.embedding = nn.Parameter(torch.empty(num_tokens, width))
        self.draw(from_global)

    def draw(self, generators: Generators) -> None:
        nn.init.normal_(self.embedding, std=self.std, generator=generators("embedding"))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.embedding


class SincosPositions(nn.Module):
    embedding: Tensor

    def __init__(self, grid: tuple[int, int], width: int, class_token: bool) -> None:
        super().__init__()
        embedding = sincos_2d(grid, width)
        if class_token:
            embedding = torch.cat([torch.zeros(1, width), embedding])
        self.register_buffer("embedding", embedding, persistent=False)  # fixed: no part of a checkpoint

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.embedding


def sincos_2d(grid: tuple[int, int], width: int) -> Tensor:
    """(N, C): sin(column f), cos(column f), sin(row f), cos(row f), a quarter of the channels each."""
    if width % 4:
        raise ValueError(f"width={width}: sincos positions need a multiple of 4 channels. Or use learned positions.")
    quarter = width // 4
    frequencies = 10_000.0 ** -(torch.arange(quarter, dtype=torch.float64) / max(quarter - 1, 1))
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in grid), indexing="ij")
    across = columns.flatten()[:, None] * frequencies
    down = rows.flatten()[:, None] * frequencies
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], dim=1).float()
