"""The convolution view in loops of our own, which torch.compile turns into C++: no matrix, no transposition.

For each column of the output the sum over the columns that it reads is written out, and the rows are reduced over;
inductor makes one loop of all of it, over images, rows and vectors of channels, with the columns' sums in registers.
The gradient to the tokens is the same function with the kernel turned by 180 degrees. Wide grids go in blocks of
columns: from one block to another it is again such a sum, with the columns of the kernel that join the two.

Shapes: B batch, h x w grid, C channels, K kernel side, (R, S) the part of the kernel that can be reached. Rows are
met in two ways, either of which leaves out most of what the other would multiply by zero:
    all     each output row i reads all h input rows r through a window of R = 2h-1 rows of weights,
    near    each output row i reads the R = K < h rows r around it, some of them padding.
Both come down to tokens X (B, i or 1, r, w, C) and weights W (i or 1, r, S, C) that broadcast.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

Grid = tuple[int, int]

INDUCTOR_OPTIONS: dict[str, str | int | bool | Callable[..., Any]] = {
    # Never store an intermediate: all is one loop.
    "realize_opcount_threshold": 10**6,
    "realize_reads_threshold": 10**6,
    "realize_acc_reads_threshold": 10**6,
    "unroll_reductions_threshold": 1,
    "cpp.enable_floating_point_contract_flag": "fast",  # fused multiply-add
}
COLUMNS_AT_A_TIME = 8
"""As many sums as leave registers for what is added up."""
IMAGES_AT_A_TIME = 16
"""Images whose gradient to the weights is summed in one go. They are read many times, and as they often lie a multiple
of 4096 bytes apart, no more of them stay in a cache; fewer would write the sums too often."""


def mix(tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
    """`large_kernel_mix` by compiled loops.

    Raises:
        ValueError: unless the tokens are on a CPU.
    """
    if tokens.device.type not in ("cpu", "meta"):
        raise ValueError(f"backend='direct' computes on a CPU; the tokens are on {tokens.device}.")
    return _mix(tokens.contiguous(), _reachable(kernel, grid, tokens), list(grid))


def _reachable(kernel: Tensor, grid: Grid, tokens: Tensor) -> Tensor:
    """(G, K, K) -> (R, S, C), one kernel for each channel; in float32 at least, which is what is computed in."""
    num_kernels, side, _ = kernel.shape
    height, width = grid
    rows = side if side < height else 2 * height - 1
    columns = min(side, 2 * width - 1)
    down, across = (rows - side) // 2, (columns - side) // 2
    weights = F.pad(kernel, (across, across, down, down)).to(torch.promote_types(tokens.dtype, torch.float32))
    shared = weights[:, None].expand(-1, tokens.shape[2] // num_kernels, -1, -1)
    return shared.flatten(0, 1).permute(1, 2, 0).contiguous()


class _Pair(NamedTuple):
    """A block of columns of the output, one of the input that it reads, the columns of the weights that join them, and
    the place in the input block of what the first of these has the output block's first column read."""

    output: slice
    input: slice
    weights: slice
    first: int


def _pairs(width: int, reach: int) -> Iterator[_Pair]:
    starts = range(0, width, COLUMNS_AT_A_TIME)
    for i in starts:
        for j in starts:
            last_i, last_j = (min(start + COLUMNS_AT_A_TIME, width) - 1 for start in (i, j))
            low, high = max(j - last_i, -reach), min(last_j - i, reach)
            if low <= high:
                joining = slice(low + reach, high + reach + 1)
                yield _Pair(slice(i, last_i + 1), slice(j, last_j + 1), joining, i + low - j)


@torch.library.custom_op("lkca_exp::direct_mix", mutates_args=())
def _mix(tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    images = tokens.unflatten(1, grid)
    mixed: dict[int, Tensor] = {}
    for pair in _pairs(grid[1], weights.shape[1] // 2):
        columns = pair.output.stop - pair.output.start
        part = _call(_forward, images[:, :, pair.input], weights[:, pair.weights], columns, pair.first)
        start = pair.output.start
        mixed[start] = mixed[start].add_(part) if start in mixed else part
    return torch.cat([*mixed.values()], dim=2).flatten(1, 2) if len(mixed) > 1 else mixed[0].flatten(1, 2)


@torch.library.custom_op("lkca_exp::direct_gradient", mutates_args=())
def _gradient(upstream: Tensor, tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    """The gradient to the weights."""
    upstream, images = upstream.unflatten(1, grid), tokens.unflatten(1, grid)
    gradient = torch.zeros_like(weights)
    for pair in _pairs(grid[1], weights.shape[1] // 2):
        total: Tensor | None = None
        for dy, x in zip(upstream.split(IMAGES_AT_A_TIME), images.split(IMAGES_AT_A_TIME), strict=True):
            dy, x = dy[:, :, pair.output], x[:, :, pair.input]
            part = _call(_to_windows, dy, x, weights.shape[0], pair.weights.stop - pair.weights.start, pair.first)
            total = part if total is None else total.add_(part)
        if total is not None:
            _fold(total, gradient[:, pair.weights])
    return gradient


@_mix.register_fake
def _(tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    return torch.empty_like(tokens)


@_gradient.register_fake
def _(upstream: Tensor, tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    return torch.empty_like(weights)


@register_flop_formula(torch.ops.lkca_exp.direct_mix)
def _flops(tokens: torch.Size, weights: torch.Size, grid: list[int], *_: Any, **__: Any) -> int:
    """Rows of padding are multiplied, columns of padding are not."""
    batch, _num_tokens, channels = tokens
    (height, width), (num_rows, num_columns, _channels) = grid, weights
    reach = num_columns // 2
    columns = sum(min(i + reach + 1, width) - max(i - reach, 0) for i in range(width))
    return 2 * batch * channels * columns * height * min(num_rows, height)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, list[int]], output: Tensor) -> None:
    tokens, weights, ctx.grid = inputs
    ctx.save_for_backward(tokens, weights)


def _backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
    tokens, weights = ctx.saved_tensors
    upstream = upstream.contiguous()
    return (
        _mix(upstream, weights.flip(0, 1), ctx.grid),
        _gradient(upstream, tokens, weights, ctx.grid),
        None,
    )


_mix.register_autograd(_backward, setup_context=_save)


def _forward(x: Tensor, weights: Tensor, width: int, first: int) -> Tensor:
    """Images (B, h, w, C) and weights (R, S, C) -> images of this width."""
    X, W = _rows(x.to(weights.dtype), len(weights)), _windows(weights, x.shape[1])
    columns = []
    for i in range(width):
        read = range(max(i + first, 0), min(i + first + weights.shape[1], x.shape[2]))
        products = [X[:, :, :, j] * W[:, :, j - i - first] for j in read]
        columns.append(_sum(products).sum(2) if products else torch.zeros_like(x[:, :, 0]))
    return torch.stack(columns, dim=2).to(x.dtype)


def _to_windows(dy: Tensor, x: Tensor, num_rows: int, num_columns: int, first: int) -> Tensor:
    """The gradient of `_forward` to its W, (i or 1, r, S, C)."""
    exact = torch.promote_types(x.dtype, torch.float32)
    X, dY = _rows(x.to(exact), num_rows), dy.to(exact)[:, :, None]
    summed = (0,) if num_rows >= x.shape[1] else (0, 1)
    columns = []
    for shift in range(first, first + num_columns):
        written = range(max(-shift, 0), min(x.shape[2] - shift, dy.shape[2]))
        columns.append(_sum(dY[:, :, :, i] * X[:, :, :, i + shift] for i in written).sum(summed))
    gradient = torch.stack(columns, dim=-2)
    return gradient[None] if len(summed) > 1 else gradient


def _rows(x: Tensor, num_rows: int) -> Tensor:
    """Images (B, h, w, C) -> X."""
    if num_rows >= x.shape[1]:
        return x[:, None]
    padding = num_rows // 2
    return F.pad(x, (0, 0, 0, 0, padding, padding)).unfold(1, num_rows, 1).permute(0, 1, 4, 2, 3)


def _windows(weights: Tensor, height: int) -> Tensor:
    """Weights (R, S, C) -> W: the output row i begins reading at row h-1-i of the weights."""
    if len(weights) < height:
        return weights[None]
    return weights.unfold(0, height, 1).flip(0).permute(0, 3, 1, 2)


def _fold(windows: Tensor, weights: Tensor) -> None:
    """Add the adjoint of `_windows` to the weights."""
    height, num_rows = windows.shape[:2]
    for i in range(height):
        weights[height - 1 - i : height - 1 - i + num_rows] += windows[i]


def _sum(terms: Iterable[Tensor]) -> Tensor:
    return functools.reduce(torch.add, terms)


def _call(function: Callable[..., Tensor], first: Tensor, second: Tensor, *constants: int) -> Tensor:
    """`function`, compiled for images of this size and batches of any size."""
    first, second = first.detach(), second.detach()  # forward and backward are one compilation
    for tensor in (first, second):
        if tensor.ndim == 4:
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
    with torch.no_grad():
        return _compiled(function, first.shape[1:], second.shape[-3:], first.dtype, constants)(first, second)


@functools.lru_cache(maxsize=256)
def _compiled(
    function: Callable[..., Tensor],
    first: torch.Size,
    second: torch.Size,
    dtype: torch.dtype,
    constants: tuple[int, ...],
) -> Callable[[Tensor, Tensor], Tensor]:
    """Compiled anew for each combination. torch counts recompilations by code object and gives up after a few, so each
    gets a code object of its own."""

    def run(first: Tensor, second: Tensor) -> Tensor:
        return function(first, second, *constants)

    own = types.FunctionType(run.__code__.replace(), run.__globals__, closure=run.__closure__)
    return torch.compile(own, options=INDUCTOR_OPTIONS, fullgraph=True)
