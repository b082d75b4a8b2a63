"""The large-kernel operator: one convolution over the grid of tokens, which is also one attention matrix.

    y[i] = sum over j of kernel[pos(j) - pos(i) + K // 2] * x[j],    zeros outside the grid

Li et al., "Interpreting and Improving Attention From the Perspective of Large Kernel Convolution", arXiv 2401.05738.
The convolution view slides the kernel over the map of tokens. The attention view writes the same weights as an N x N
matrix and multiplies the tokens by it. The two agree to rounding, and a file of this folder is one way to compute them.

Beyond the paper: grids may be h x w, kernels smaller than 2n-1 are allowed, and a kernel may serve one channel, a head
of neighbouring channels, or all of them.

Shapes: B batch, N = h*w tokens in rows of the grid, C channels, K kernel side (odd), G kernels (C, heads or 1),
D = C/G channels that share a kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lkca_exp.models.large_kernel import convolution, direct, toeplitz
from lkca_exp.models.large_kernel.rule import Problem, fastest_backend
from lkca_exp.models.layers.choice import check_choice

MIX = {"convolution": convolution.mix, "toeplitz": toeplitz.mix, "direct": direct.mix}
BACKENDS = ("auto", *MIX)


def large_kernel_mix(tokens: Tensor, kernel: Tensor, grid: tuple[int, int], backend: str = "auto") -> Tensor:
    """Mix tokens (B, N, C) with a kernel (G, K, K) into (B, N, C), zero padded, stride 1.

    Kernel g serves the channels from g*D up to (g+1)*D. `backend` is one of BACKENDS: "convolution" is conv2d,
    "toeplitz" the product with the N x N matrix; "auto" is the one that `fastest_backend` names. The dtype is that of
    the tokens, or autocast's; the kernel may be of a higher one. There are first derivatives only.

    Raises:
        ValueError: for shapes that do not fit together, an even or too large K, or an unknown backend.
    """
    _check(tokens, kernel, grid, backend)
    tokens = _autocast(tokens)
    if backend == "auto":
        backend = fastest_backend(Problem.of(tokens, kernel, grid))
    return MIX[backend](tokens, kernel, grid)


def _autocast(tokens: Tensor) -> Tensor:
    device = tokens.device.type
    # Not torch.amp.is_autocast_available, which torch 2.11 cannot compile. The other devices have autocast.
    if device != "meta" and torch.is_autocast_enabled(device) and tokens.dtype == torch.float32:
        return tokens.to(torch.get_autocast_dtype(device))
    return tokens


def _check(tokens: Tensor, kernel: Tensor, grid: tuple[int, int], backend: str) -> None:
    check_choice("backend", backend, BACKENDS)
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
