"""How far a model's tokens look, layer by layer: the paper's "local and global" as a curve.

Attention and LKCA are brought to one form, the N x N matrix with which tokens read tokens. The mass of a row, the sum
of its absolute weights, is counted by the distance of the two tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def mass_within(matrix: Tensor, grid: tuple[int, int]) -> Tensor:
    """The share of every row's mass within r tokens, rows or columns, whichever is more; a mean over the rows.

    Args:
        matrix: (..., N, N) weights, of any sign; a row of zeros is left out.
        grid: rows and columns of the N tokens.

    Returns:
        (max(grid),): the share for r = 0, 1, ...; the last one is 1.
    """
    rows, columns = (torch.arange(length) for length in grid)
    places = torch.cartesian_prod(rows, columns)
    distance = (places[:, None] - places[None]).abs().amax(-1)
    weights = matrix.abs().flatten(0, -3) if matrix.ndim > 2 else matrix.abs()[None]
    total = weights.sum(-1)
    within = torch.stack([(weights * (distance <= r)).sum(-1) for r in range(max(grid))])
    return (within / total)[:, total > 0].mean(-1)


def layers(model: nn.Module, images: Tensor) -> list[Tensor]:
    """`mass_within` of every mixer that has a matrix, in the order of the layers, a mean over the images."""
    return [mass_within(matrix, grid) for matrix, grid in matrices(model, images)]


def matrices(model: nn.Module, images: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """The N x N matrices of a model's mixers for these images, (B or 1, G, N, N), with their grids.

    A mixer has one if it has a method `matrix`. A class token's row and column are left out.
    """
    mixers: list[Any] = [module for module in model.modules() if hasattr(module, "matrix")]
    inputs: dict[nn.Module, Tensor] = {}

    def note(mixer: nn.Module, args: tuple[Tensor]) -> None:
        inputs[mixer] = args[0]

    handles = [mixer.register_forward_pre_hook(note) for mixer in mixers]
    try:
        with torch.no_grad():
            model.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
    for mixer in mixers:
        of_grid = slice(-mixer.grid[0] * mixer.grid[1], None)
        with torch.no_grad():
            yield mixer.matrix(inputs[mixer])[..., of_grid, of_grid], mixer.grid


def curves(shares: Sequence[Tensor]) -> dict[str, object]:
    """For the report: a line for each layer."""
    return {
        "title": "Share of the mixer's mass by distance",
        "x_label": "within r tokens",
        "y_label": "share of the mass",
        "x": list(range(len(shares[0]))),
        "series": {f"layer {number}": [round(float(v), 4) for v in share] for number, share in enumerate(shares, 1)},
    }
