"""How far a model's tokens reach, layer by layer: the paper's "local and global" as a curve.

Attention and LKCA are brought to one form, the N x N matrix with which tokens read tokens. The mass of a row, the sum
of its absolute weights, is counted by the distance of the two tokens: rows or columns, whichever is more, so that
within r tokens is what a kernel of side 2r+1 covers. Every run writes it at its end; `analysis run` takes more images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lkca_exp.augment.normalise import normalise
from lkca_exp.data.prepare import RunData
from lkca_exp.runs.files import write_json

NUM_IMAGES = 16
MOST_TOKENS = 256
"""A run takes so many test images at its end, which is a fraction of a second at the sizes of the literature; with
more tokens it would take long, and much memory."""
FILE = "locality.json"


def first_test_images(data: RunData, count: int) -> Tensor:
    """Images (count, channels, H, W), normalised as for training."""
    return normalise(torch.from_numpy(data.test.images[:count].copy()), data.mean, data.std)


def write_reach_if_cheap(model: nn.Module, images: Tensor, folder: Path) -> None:
    """`write_reach`, unless the model has so many tokens that it would take long."""
    if all(mixer.grid[0] * mixer.grid[1] <= MOST_TOKENS for mixer in _mixers(model)):
        write_reach(model, images[:NUM_IMAGES], folder)


def write_reach(model: nn.Module, images: Tensor, folder: Path) -> list[Path]:
    """Write locality.json into `folder`, if the model has mixers to look into; returns the files.

    Args:
        images: (B, channels, H, W), normalised; attention's mass is a mean over them.
    """
    layers = [(mass_within(matrix, grid), grid) for matrix, grid in matrices(model, images)]
    if not layers:
        return []
    shares, grids = zip(*layers, strict=True)
    folder.mkdir(exist_ok=True)
    write_json(folder / FILE, curves(shares, even(grids[0])) | {"images": len(images)})
    return [folder / FILE]


def mass_within(matrix: Tensor, grid: tuple[int, int]) -> Tensor:
    """The share of every row's mass within r tokens; a mean over the rows.

    Args:
        matrix: (..., N, N) weights, of any sign; a row of zeros is left out.
        grid: rows and columns of the N tokens.

    Returns:
        (max(grid),): the share for r = 0, 1, ...; the last one is 1. NaN if all rows are zeros.
    """
    rows, columns = (torch.arange(length) for length in grid)
    places = torch.cartesian_prod(rows, columns)
    distance = (places[:, None] - places[None]).abs().amax(-1)
    near_rNN = (distance <= torch.arange(max(grid))[:, None, None]).to(matrix)
    weights_BNN = matrix.abs().reshape(-1, *matrix.shape[-2:])
    within_BNr = torch.einsum("bqk,rqk->bqr", weights_BNN, near_rNN)
    total_BN = within_BNr[..., -1]
    return (within_BNr[total_BN > 0] / total_BN[total_BN > 0, None]).mean(0)


def even(grid: tuple[int, int]) -> Tensor:
    """`mass_within` of tokens that read all tokens alike: what is neither local nor global."""
    num_tokens = grid[0] * grid[1]
    return mass_within(torch.ones(num_tokens, num_tokens), grid)


def matrices(model: nn.Module, images: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """The N x N matrices of a model's mixers for these images, (B or 1, G, N, N), with their grids, layer by layer.

    A mixer has one if it has a method `matrix`. A class token's row and column are left out.
    """
    mixers = _mixers(model)
    if not mixers:
        return
    inputs: dict[nn.Module, Tensor] = {}

    def note(mixer: nn.Module, args: tuple[Tensor]) -> None:
        inputs[mixer] = args[0]

    handles = [mixer.register_forward_pre_hook(note) for mixer in mixers]
    try:
        # A compiled model would pass the hooks by.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            model.eval()(images.to(next(model.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    for mixer in mixers:
        of_grid = slice(-mixer.grid[0] * mixer.grid[1], None)
        with torch.no_grad():
            yield mixer.matrix(inputs[mixer])[..., of_grid, of_grid].cpu(), mixer.grid


def _mixers(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if hasattr(module, "matrix")]


def curves(shares: tuple[Tensor, ...], evenly: Tensor) -> dict[str, object]:
    """For the report: a line for each layer, and what it would be `evenly`."""
    return {
        "title": "Share of the mixer's mass by distance",
        "x_label": "within r tokens",
        "y_label": "share of the mass",
        "x": list(range(len(evenly))),
        "series": {f"layer {number}": _rounded(share) for number, share in enumerate(shares, 1)},
        "even": _rounded(evenly),
    }


def _rounded(values: Tensor) -> list[float | None]:
    """JSON has no NaN."""
    return [round(value, 5) if math.isfinite(value) else None for value in values.tolist()]
