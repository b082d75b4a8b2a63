"""A kernel for each channel, on a GPU, in one pass: Triton's product with a matrix that is never written down.

For every channel the tokens of many images are rows, and the N x N matrix of the channel's kernel is looked up tile by
tile as it is multiplied, from the K x K weights. So neither the matrix nor transposed tokens go through memory, as they
do in `toeplitz`. The gradient to the tokens is the same product with the transposed matrix; that to the weights
multiplies rows with rows, and adds up in float32.

Not measured on a GPU yet, so no rule chooses it; `bench gpu` measures it. On a CPU it runs in Triton's interpreter
(TRITON_INTERPRET=1), which multiplies the raw bits of bfloat16: it is widened before `tl.dot`, and multiplied in TF32,
which holds it exactly.

Shapes: B batch, N = h*w tokens, C channels and kernels, K kernel side.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from lkca_exp.models.large_kernel.toeplitz import fold_by_gathering

Grid = tuple[int, int]
ROWS, TILE = 32, 32
"""Images, and tokens, of a tile."""


def mix(tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
    """`large_kernel_mix` for kernels (C, K, K), one for each channel.

    Raises:
        ValueError: for another number of kernels.
    """
    if kernel.shape[0] != tokens.shape[2]:
        raise ValueError(
            f"{kernel.shape[0]} kernels for {tokens.shape[2]} channels: this computes one for each channel."
        )
    return _MixPerChannel.apply(tokens, kernel, grid)


class _MixPerChannel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
        tokens, kernel = tokens.contiguous(), kernel.contiguous()
        ctx.save_for_backward(tokens, kernel)
        ctx.grid = grid
        return _product(tokens, kernel, grid, transposed=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        tokens, kernel = ctx.saved_tensors
        upstream = upstream.contiguous()
        to_tokens = _product(upstream, kernel, ctx.grid, transposed=True)
        return to_tokens, _to_kernel(upstream, tokens, kernel, ctx.grid), None


def _product(tokens: Tensor, kernel: Tensor, grid: Grid, transposed: bool) -> Tensor:
    batch, num_tokens, channels = tokens.shape
    mixed = torch.empty_like(tokens)
    tiles = (channels, triton.cdiv(batch, ROWS), triton.cdiv(num_tokens, TILE))
    sizes = (batch, channels, *grid, kernel.shape[1], transposed)
    _product_kernel[tiles](tokens, kernel, mixed, *sizes, PRECISION=_precision(tokens), ROWS=ROWS, TILE=TILE)
    return mixed


def _to_kernel(upstream: Tensor, tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
    """(C, K, K). The N x N sums of a channel are written by tiles, and folded as those of `toeplitz` are."""
    batch, num_tokens, channels = tokens.shape
    sums = torch.empty(channels, num_tokens, num_tokens, dtype=torch.float32, device=tokens.device)
    side = triton.cdiv(num_tokens, TILE)
    sizes = (batch, channels, num_tokens)
    _sums_kernel[(channels, side, side)](
        upstream, tokens, sums, *sizes, PRECISION=_precision(tokens), ROWS=ROWS, TILE=TILE
    )
    return fold_by_gathering(sums, grid, kernel.shape[1]).to(kernel.dtype)


def _precision(tokens: Tensor) -> str:
    """How products of float32 are computed, which is what all are widened to."""
    return "ieee" if tokens.dtype == torch.float32 and not torch.backends.cuda.matmul.allow_tf32 else "tf32"


@triton.jit
def _product_kernel(
    tokens,
    kernel,
    mixed,
    batch,
    channels,
    height,
    width,
    side,
    transposed,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
):
    """A tile (ROWS images, TILE tokens) of one channel."""
    channel = tl.program_id(0)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    out = tl.program_id(2) * TILE + tl.arange(0, TILE)
    num_tokens = height * width
    sums = tl.zeros((ROWS, TILE), dtype=tl.float32)
    for first in range(0, num_tokens, TILE):
        read = first + tl.arange(0, TILE)
        there = (rows[:, None] < batch) & (read[None, :] < num_tokens)
        place = (rows[:, None] * num_tokens + read[None, :]) * channels + channel
        x = tl.load(tokens + place, mask=there, other=0.0).to(tl.float32)
        down = (read // width)[:, None] - (out // width)[None, :]
        across = (read % width)[:, None] - (out % width)[None, :]
        down = tl.where(transposed, -down, down) + side // 2
        across = tl.where(transposed, -across, across) + side // 2
        reached = (down >= 0) & (down < side) & (across >= 0) & (across < side)
        reached = reached & (read[:, None] < num_tokens) & (out[None, :] < num_tokens)
        weight = tl.load(kernel + (channel * side + down) * side + across, mask=reached, other=0.0).to(tl.float32)
        sums += tl.dot(x, weight, input_precision=PRECISION)
    place = (rows[:, None] * num_tokens + out[None, :]) * channels + channel
    kept = (rows[:, None] < batch) & (out[None, :] < num_tokens)
    tl.store(mixed + place, sums.to(mixed.dtype.element_ty), mask=kept)


@triton.jit
def _sums_kernel(
    upstream,
    tokens,
    sums,
    batch,
    channels,
    num_tokens,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
):
    """A tile of one channel's gradient to its N x N matrix: what token i was asked for times what token j was."""
    channel = tl.program_id(0)
    i = tl.program_id(1) * TILE + tl.arange(0, TILE)
    j = tl.program_id(2) * TILE + tl.arange(0, TILE)
    total = tl.zeros((TILE, TILE), dtype=tl.float32)
    for first in range(0, batch, ROWS):
        rows = first + tl.arange(0, ROWS)
        asked = (rows[None, :] * num_tokens + i[:, None]) * channels + channel
        given = (rows[:, None] * num_tokens + j[None, :]) * channels + channel
        g = tl.load(upstream + asked, mask=(rows[None, :] < batch) & (i[:, None] < num_tokens), other=0.0)
        x = tl.load(tokens + given, mask=(rows[:, None] < batch) & (j[None, :] < num_tokens), other=0.0)
        total += tl.dot(g.to(tl.float32), x.to(tl.float32), input_precision=PRECISION)
    place = (channel * num_tokens + i[:, None]) * num_tokens + j[None, :]
    tl.store(sums + place, total, mask=(i[:, None] < num_tokens) & (j[None, :] < num_tokens))
