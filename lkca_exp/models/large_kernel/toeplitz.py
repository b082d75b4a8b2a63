"""The attention view: tokens times the N x N matrix of the kernel ("shared weight position operation").

The matrix is constant along its block diagonals (block-Toeplitz). It multiplies the tokens as softmax(QK^T) does, in
one batched matrix product, and so do the gradients. What decides the speed is that all operands of the products are
contiguous and that no more matrices exist at a time than fit a cache: they are gathered again for the backward pass.

Shapes: B batch, N = h*w tokens, C channels, K kernel side, G kernels, D = C/G channels that share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Grid = tuple[int, int]
WEIGHTS_AT_A_TIME = 2**19
"""Numbers in the matrices that are made at a time: 2 MB in float32."""
LARGE = 2**21
"""Bytes of tokens that a cache of one core no longer holds."""


def mix(tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
    """`large_kernel_mix` as a product with `toeplitz_matrix`."""
    if torch.compiler.is_exporting():  # in operators that other runtimes know
        weights = toeplitz_matrix(kernel, grid).to(tokens.dtype)
        return torch.einsum("gij,bjgd->bigd", weights, tokens.unflatten(2, (kernel.shape[0], -1))).flatten(2)
    return (_MixAll if kernel.shape[0] == 1 else _MixPerKernel).apply(tokens, kernel, grid)


def toeplitz_matrix(kernel: Tensor, grid: Grid) -> Tensor:
    """The attention matrix (G, N, N) of a kernel (G, K, K): entry [g, i, j] is the weight with which i reads j.

    For n x n tokens and K = 2n-1 this is the paper's construction: an n x n window slides over the kernel from the
    bottom-right corner to the top-left, and each stop, flattened, is a row.
    """
    num_kernels, side, _ = kernel.shape
    num_tokens = grid[0] * grid[1]
    weights = kernel.flatten(1)
    if side < 2 * max(grid) - 1:
        weights = F.pad(weights, (0, 1))  # one zero more, for pairs of tokens that the kernel does not reach
    # Not index_select: its compiled gradient on a CPU adds in an order that changes from call to call.
    index = _index(grid, side, kernel.device).expand(num_kernels, -1)
    return weights.gather(1, index).view(num_kernels, num_tokens, num_tokens)


def _fold(matrix: Tensor, grid: Grid, side: int) -> Tensor:
    """The adjoint of `toeplitz_matrix`, (G, N, N) -> (G, K, K): each weight's sum over the pairs that read with it."""
    return (fold_by_scattering if matrix.device.type == "cpu" else fold_by_gathering)(matrix, grid, side)


def fold_by_gathering(matrix: Tensor, grid: Grid, side: int) -> Tensor:
    """Each weight looks up its N pairs. On a GPU thousands of threads would else add to few places, one after the other
    and in an order that changes from call to call."""
    exact = torch.promote_types(matrix.dtype, torch.float32)
    pairs = F.pad(matrix.flatten(1), (0, 1))  # one zero more, for pairs of which one token is outside the grid
    index = _pairs(grid, side, matrix.device)
    return (
        pairs.index_select(1, index.flatten()).unflatten(1, index.shape).sum(2, dtype=exact).unflatten(1, (side, side))
    )


def fold_by_scattering(matrix: Tensor, grid: Grid, side: int) -> Tensor:
    """Each pair adds to its weight."""
    sums = matrix.new_zeros(matrix.shape[0], side * side + 1, dtype=torch.promote_types(matrix.dtype, torch.float32))
    index = _index(grid, side, matrix.device).expand(matrix.shape[0], -1)
    return sums.scatter_add_(1, index, matrix.flatten(1).to(sums.dtype))[:, :-1].unflatten(1, (side, side))


class _MixPerKernel(torch.autograd.Function):
    """Any number of kernels: x W^T with rows of tokens (G, D*B, N), where W is that kernel's matrix."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
        mix = _opaque_mix_rows if _kept_whole(tokens) else _mix_rows
        y_BNC, x_GRN = mix(tokens, kernel, *grid)
        ctx.save_for_backward(x_GRN, kernel)
        ctx.grid = grid
        return y_BNC

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        gradients = _opaque_gradients if _kept_whole(upstream) else _gradients
        return *gradients(upstream, *ctx.saved_tensors, *ctx.grid), None


def _mix_rows(tokens: Tensor, kernel: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Tokens mixed, and the rows of the tokens as they were."""
    x_GRN = _to_rows(tokens, kernel.shape[0])
    y_GRN = torch.empty_like(x_GRN)
    for part in _parts(kernel.shape[0], x_GRN):
        weights = toeplitz_matrix(kernel[part].to(tokens.dtype), (height, width))
        torch.bmm(x_GRN[part], weights.mT, out=y_GRN[part])
    return _to_tokens(y_GRN, tokens.shape), x_GRN


def _gradients(upstream: Tensor, x_GRN: Tensor, kernel: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """To the tokens and to the kernel."""
    dy_GRN = _to_rows(upstream, kernel.shape[0])
    dx_GRN, to_kernel = torch.empty_like(x_GRN), torch.empty_like(kernel)
    for part in _parts(kernel.shape[0], x_GRN):
        weights = toeplitz_matrix(kernel[part].to(upstream.dtype), (height, width))
        torch.bmm(dy_GRN[part], weights, out=dx_GRN[part])
        to_kernel[part] = _fold(torch.bmm(dy_GRN[part].mT, x_GRN[part]), (height, width), kernel.shape[1])
    return _to_tokens(dx_GRN, upstream.shape), to_kernel


_opaque_mix_rows = torch.library.custom_op("lkca_exp::toeplitz_mix", _mix_rows, mutates_args=())
_opaque_gradients = torch.library.custom_op("lkca_exp::toeplitz_gradients", _gradients, mutates_args=())


@_opaque_mix_rows.register_fake
def _(tokens: Tensor, kernel: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    batch, num_tokens, channels = tokens.shape
    rows = tokens.new_empty(kernel.shape[0], channels // kernel.shape[0] * batch, num_tokens)
    return tokens.new_empty(tokens.shape), rows


@_opaque_gradients.register_fake
def _(upstream: Tensor, x_GRN: Tensor, kernel: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    return upstream.new_empty(upstream.shape), torch.empty_like(kernel)


def _kept_whole(tokens: Tensor) -> bool:
    """Whether torch.compile has to leave the operator as it is. Else it merges the transpositions into the loops of
    their neighbours. Of few tokens that is faster (1.2 times in a model of 64 channels); of many, these loops jump
    through memory (1.2 times slower at 192 channels)."""
    num_bytes = tokens.numel() * tokens.element_size()
    return torch.compiler.is_compiling() and tokens.device.type == "cpu" and num_bytes >= LARGE


class _MixAll(torch.autograd.Function):
    """One kernel for all channels: W x, as attention with one head. Nothing is transposed."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
        ctx.save_for_backward(tokens, kernel)
        ctx.grid = grid
        weights = toeplitz_matrix(kernel, grid).to(tokens.dtype)
        return torch.bmm(weights.expand(tokens.shape[0], -1, -1), tokens)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        tokens, kernel = ctx.saved_tensors
        upstream = upstream.contiguous()
        weights = toeplitz_matrix(kernel, ctx.grid).to(upstream.dtype)
        to_tokens = torch.bmm(weights.mT.expand(tokens.shape[0], -1, -1), upstream)
        exact = torch.promote_types(upstream.dtype, torch.float32)
        to_matrix = torch.bmm(upstream, tokens.mT).sum(0, keepdim=True, dtype=exact)
        return to_tokens, _fold(to_matrix, ctx.grid, kernel.shape[1]).to(kernel.dtype), None


def _parts(num_kernels: int, x_GRN: Tensor) -> Iterator[slice]:
    """The kernels, on a CPU so many at a time that their matrices stay in a cache."""
    at_a_time = max(WEIGHTS_AT_A_TIME // x_GRN.shape[2] ** 2, 1) if x_GRN.device.type == "cpu" else num_kernels
    return (slice(start, start + at_a_time) for start in range(0, num_kernels, at_a_time))


def _to_rows(x_BNC: Tensor, num_kernels: int) -> Tensor:
    """(B, N, C) -> (G, D*B, N)."""
    num_tokens, channels = x_BNC.shape[1:]
    if _in_two_steps(x_BNC):
        x_CBN = x_BNC.mT.contiguous().transpose(0, 1).contiguous()
    else:
        x_CBN = x_BNC.reshape(-1, channels).t().contiguous()
    return x_CBN.view(num_kernels, -1, num_tokens)


def _to_tokens(x_GRN: Tensor, shape: torch.Size) -> Tensor:
    """(G, D*B, N) -> (B, N, C), the way back."""
    batch, num_tokens, channels = shape
    if _in_two_steps(x_GRN):
        return x_GRN.view(channels, batch, num_tokens).transpose(0, 1).contiguous().mT.contiguous()
    return x_GRN.view(channels, -1).t().contiguous().view(shape)


def _in_two_steps(tokens: Tensor) -> bool:
    """Whether to move two axes at a time, which torch does on all threads of a CPU. All three at once is the fastest on
    one thread, as one transposition of a matrix, but it stays on one; and on a GPU."""
    return not torch.compiler.is_compiling() and tokens.device.type == "cpu" and torch.get_num_threads() > 1


def _index(grid: Grid, side: int, device: torch.device) -> Tensor:
    """For each pair (i, j) of tokens, flattened to N*N: the place of its weight in a flat kernel, K*K where none is."""
    return (_make_index if torch.compiler.is_compiling() else _cached_index)(grid, side, device)


@lru_cache(maxsize=64)
def _cached_index(grid: Grid, side: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # a tensor of inference mode could not serve a later backward
        return _make_index(grid, side, device)


def _make_index(grid: Grid, side: int, device: torch.device) -> Tensor:
    rows, columns = (torch.arange(length, device=device) for length in grid)
    down = rows[None, :] - rows[:, None] + side // 2
    across = columns[None, :] - columns[:, None] + side // 2
    down, across = down[:, None, :, None], across[None, :, None, :]  # (h, w, h, w): row, column of i, then of j
    reached = (down >= 0) & (down < side) & (across >= 0) & (across < side)
    return torch.where(reached, down * side + across, side * side).flatten()


def _pairs(grid: Grid, side: int, device: torch.device) -> Tensor:
    """For each weight of a kernel the N pairs (i, j) that read with it, (K*K, N): their places in a flat matrix, N*N
    for a j outside the grid."""
    return (_make_pairs if torch.compiler.is_compiling() else _cached_pairs)(grid, side, device)


@lru_cache(maxsize=64)
def _cached_pairs(grid: Grid, side: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return _make_pairs(grid, side, device)


def _make_pairs(grid: Grid, side: int, device: torch.device) -> Tensor:
    height, width = grid
    offsets = torch.arange(side, device=device) - side // 2
    rows, columns = (torch.arange(length, device=device) for length in grid)
    to_row = (rows[None, :] + offsets[:, None])[:, None, :, None]  # (K, K, h, w): offset, then row and column of i
    to_column = (columns[None, :] + offsets[:, None])[None, :, None, :]
    inside = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
    tokens = rows[:, None] * width + columns[None, :]
    places = tokens * (height * width) + to_row * width + to_column
    return places.masked_fill(~inside, (height * width) ** 2).view(side * side, height * width)
