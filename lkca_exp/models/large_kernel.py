"""The large-kernel operator: one convolution over the grid of tokens, which is also one attention matrix.

    y[i] = sum over j of kernel[pos(j) - pos(i) + K // 2] * x[j],    zeros outside the grid

Li et al., "Interpreting and Improving Attention From the Perspective of Large Kernel Convolution", arXiv 2401.05738.
The convolution view slides the kernel over the map of tokens. The attention view ("shared weight position operation")
writes the same weights as an N x N matrix that is constant along its block diagonals (block-Toeplitz) and multiplies
the tokens by it, as attention multiplies them by softmax(QK^T). The two agree to rounding.

Beyond the paper: grids may be h x w, kernels smaller than 2n-1 are allowed, and a kernel may serve one channel, a head
of neighbouring channels, or all of them.

Shapes: B batch, N = h*w tokens in rows of the grid, C channels, K kernel side (odd), G kernels (C, heads or 1),
D = C/G channels that share a kernel.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

VIEWS = ("auto", "convolution", "attention")


def large_kernel_mix(tokens: Tensor, kernel: Tensor, grid: tuple[int, int], view: str = "auto") -> Tensor:
    """Mix tokens (B, N, C) with a kernel (G, K, K) into (B, N, C), zero padded, stride 1.

    Kernel g serves the channels from g*D up to (g+1)*D. `view` is one of VIEWS; see `faster_view` for what "auto" does.

    Raises:
        ValueError: for shapes that do not fit together, an even or too large K, or an unknown view.
    """
    _check(tokens, kernel, grid, view)
    if view == "auto":
        view = faster_view(tokens.shape[2], kernel.shape[0], kernel.shape[1], grid)
    mix = _convolution_view if view == "convolution" else _attention_view
    return mix(tokens, kernel, grid)


def faster_view(channels: int, num_kernels: int, kernel_size: int, grid: tuple[int, int]) -> str:
    """The view that took less time on a CPU, forward and backward, of those that fit in memory.

    The cost of the matrix does not depend on K, and a shared kernel needs few matrices: it wins from K=5 on. With one
    kernel per channel it wins from K=5 on up to 8 x 8 tokens and from K=15 on up to 16 x 16; beyond that, C matrices of
    N x N numbers take too much memory.
    """
    num_tokens = grid[0] * grid[1]
    if num_kernels < channels or num_tokens <= 64:
        return "attention" if kernel_size >= 5 else "convolution"
    return "attention" if kernel_size >= 15 and num_tokens <= 256 else "convolution"


def toeplitz_matrix(kernel: Tensor, grid: tuple[int, int]) -> Tensor:
    """The attention matrix (G, N, N) of a kernel (G, K, K): entry [g, i, j] is the weight with which i reads j.

    For n x n tokens and K = 2n-1 this is the paper's construction: an n x n window slides over the kernel from the
    bottom-right corner to the top-left, and each stop, flattened, is a row.
    """
    num_kernels, side, _ = kernel.shape
    num_tokens = grid[0] * grid[1]
    index = (_toeplitz_index if torch.compiler.is_compiling() else _cached_toeplitz_index)(grid, side, kernel.device)
    weights = F.pad(kernel.flatten(1), (0, 1))  # one zero more, for pairs of tokens that the kernel does not reach
    # Not index_select: its compiled gradient on a CPU adds in an order that changes from call to call.
    return weights.gather(1, index.expand(num_kernels, -1)).view(num_kernels, num_tokens, num_tokens)


def _toeplitz_index(grid: tuple[int, int], side: int, device: torch.device) -> Tensor:
    """For each pair (i, j) of tokens, flattened to N*N: the place of its weight in a flat kernel, K*K where none is."""
    rows, columns = (torch.arange(length, device=device) for length in grid)
    down = rows[None, :] - rows[:, None] + side // 2
    across = columns[None, :] - columns[:, None] + side // 2
    down, across = down[:, None, :, None], across[None, :, None, :]  # (h, w, h, w): row, column of i, then of j
    reached = (down >= 0) & (down < side) & (across >= 0) & (across < side)
    return torch.where(reached, down * side + across, side * side).flatten()


@lru_cache(maxsize=64)
def _cached_toeplitz_index(grid: tuple[int, int], side: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # a tensor of inference mode could not serve a later backward
        return _toeplitz_index(grid, side, device)


def _convolution_view(tokens: Tensor, kernel: Tensor, grid: tuple[int, int]) -> Tensor:
    batch, num_tokens, channels = tokens.shape
    num_kernels, side, _ = kernel.shape
    # Tokens already lie in memory as a channels_last image (B, C, h, w): nothing is copied here or on the way back.
    image = tokens.reshape(batch, *grid, channels).permute(0, 3, 1, 2)
    weight = kernel[:, None].expand(-1, channels // num_kernels, -1, -1).reshape(channels, 1, side, side)
    mixed = F.conv2d(image, weight, padding=side // 2, groups=channels)
    return mixed.permute(0, 2, 3, 1).reshape(batch, num_tokens, channels)


def _attention_view(tokens: Tensor, kernel: Tensor, grid: tuple[int, int]) -> Tensor:
    batch, _, channels = tokens.shape
    num_kernels = kernel.shape[0]
    if num_kernels == 1:
        return torch.bmm(toeplitz_matrix(kernel, grid).expand(batch, -1, -1), tokens)
    # x W^T rather than W x, with tokens last and W^T (the matrix of the kernel turned by 180 degrees) written out: all
    # operands of the three products, forward and backward, are then contiguous: 2 to 3 times faster in float32.
    transposed = toeplitz_matrix(kernel.flip(1, 2), grid)
    x_GRN = _ToKernels.apply(tokens, num_kernels)  # R = B*D rows that share a kernel
    return _ToTokens.apply(torch.bmm(x_GRN, transposed), channels)


def _to_kernels(x_BNC: Tensor, num_kernels: int) -> Tensor:
    """(B, N, C) -> (G, B*D, N). By way of (B, C, N): two plain transpositions are faster than one of three axes."""
    batch, num_tokens, channels = x_BNC.shape
    x_BGDN = x_BNC.transpose(1, 2).contiguous().view(batch, num_kernels, channels // num_kernels, num_tokens)
    return x_BGDN.transpose(0, 1).reshape(num_kernels, -1, num_tokens)


def _to_tokens(x_GRN: Tensor, channels: int) -> Tensor:
    """(G, B*D, N) -> (B, N, C), the way back."""
    num_kernels, _, num_tokens = x_GRN.shape
    x_GBDN = x_GRN.reshape(num_kernels, -1, channels // num_kernels, num_tokens)
    return x_GBDN.transpose(0, 1).reshape(-1, channels, num_tokens).transpose(1, 2).contiguous()


class _ToKernels(torch.autograd.Function):
    """`_to_kernels` with a gradient that is contiguous too; autograd's own would be a strided view."""

    @staticmethod
    def forward(ctx, x_BNC: Tensor, num_kernels: int) -> Tensor:
        ctx.channels = x_BNC.shape[2]
        return _to_kernels(x_BNC, num_kernels)

    @staticmethod
    def backward(ctx, gradient_GRN: Tensor) -> tuple[Tensor, None]:
        return _ToTokens.apply(gradient_GRN, ctx.channels), None


class _ToTokens(torch.autograd.Function):
    """`_to_tokens` with a gradient that is contiguous too."""

    @staticmethod
    def forward(ctx, x_GRN: Tensor, channels: int) -> Tensor:
        ctx.num_kernels = x_GRN.shape[0]
        return _to_tokens(x_GRN, channels)

    @staticmethod
    def backward(ctx, gradient_BNC: Tensor) -> tuple[Tensor, None]:
        return _ToKernels.apply(gradient_BNC, ctx.num_kernels), None


def _check(tokens: Tensor, kernel: Tensor, grid: tuple[int, int], view: str) -> None:
    if view not in VIEWS:
        raise ValueError(f"view={view!r}: no such view. Choose one of: {', '.join(VIEWS)}.")
    height, width = grid
    if tokens.ndim != 3 or tokens.shape[1] != height * width:
        raise ValueError(
            f"tokens of shape {tuple(tokens.shape)}: a grid of {height} x {width} needs (B, {height * width}, C). "
            "A class token has no place in a grid: use mean pooling."
        )
    if kernel.ndim != 3 or kernel.shape[1] != kernel.shape[2]:
        raise ValueError(f"kernel of shape {tuple(kernel.shape)}: give (G, K, K), G square kernels.")
    num_kernels, side, _ = kernel.shape
    if tokens.shape[2] % num_kernels:
        raise ValueError(
            f"{num_kernels} kernels for {tokens.shape[2]} channels: kernels share the channels equally. "
            "Give one per channel, one per head, or one."
        )
    check_kernel_size(side, grid)


def check_kernel_size(side: int, grid: tuple[int, int]) -> None:
    """Raises ValueError unless K is odd and no larger than it takes to join every two tokens of the grid."""
    largest = 2 * max(grid) - 1
    if side % 2 == 0 or not 1 <= side <= largest:
        raise ValueError(
            f"kernel side {side}: on a grid of {grid[0]} x {grid[1]} it is odd, from 1 to {largest} (2n-1, which joins "
            "every two tokens)."
        )
