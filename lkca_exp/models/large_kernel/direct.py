"""The convolution view in C++ of our own: no matrix, no transposition, nothing outside the grid multiplied.

direct.cpp is compiled for one shape and any batch, by the compiler that CXX names, else c++. Its loops take one vector
of channels (16 in float32 where there is AVX-512) through a few images that stay in a cache. Sums are in float32 at
least, and their order does not depend on the number of threads.

Shapes: B batch, h x w grid, C channels, G kernels, K kernel side, L channels in a vector.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import math
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

log = logging.getLogger(__name__)

Grid = tuple[int, int]

SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp", "-shared", "-fPIC", "-w")
SUMS = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "float"}
"""What is computed in, by the dtype of the tokens. Others are converted to float32."""
VECTOR_BYTES = {"AVX512": 64, "AVX2": 32}.get(torch.backends.cpu.get_cpu_capability(), 16)
TOKENS_IN_A_PART = 4096
"""The gradient to the weights is summed in parts of so many tokens, each by one thread."""


def mix(tokens: Tensor, kernel: Tensor, grid: Grid) -> Tensor:
    """`large_kernel_mix` by compiled loops.

    Raises:
        ValueError: unless the tokens are on a CPU.
        RuntimeError: where no C++ compiler works.
    """
    if tokens.device.type not in ("cpu", "meta"):
        raise ValueError(f"backend='direct' computes on a CPU; the tokens are on {tokens.device}.")
    dtype = tokens.dtype if tokens.dtype in SUMS else torch.float32
    return _mix(tokens.to(dtype), _weights(kernel, tokens.shape[2], dtype), list(grid)).to(tokens.dtype)


def _weights(kernel: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """(G, K, K) -> (C/L, K, K, L), one kernel for each channel, in what is computed in."""
    exact = torch.promote_types(dtype, torch.float32)
    lanes = math.gcd(channels, VECTOR_BYTES // exact.itemsize)
    shared = kernel.to(exact)[:, None].expand(-1, channels // kernel.shape[0], -1, -1).flatten(0, 1)
    return shared.unflatten(0, (-1, lanes)).movedim(1, -1).contiguous()


@torch.library.custom_op("lkca_exp::direct_mix", mutates_args=())
def _mix(tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    tokens, weights = tokens.contiguous(), weights.contiguous()
    mixed = torch.empty_like(tokens)
    pointers = (tensor.data_ptr() for tensor in (tokens, weights, mixed))
    _compiled(tokens, weights, grid).mix(*pointers, tokens.shape[0], torch.get_num_threads())
    return mixed


@torch.library.custom_op("lkca_exp::direct_gradient", mutates_args=())
def _gradient(upstream: Tensor, tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    """The gradient to the weights."""
    upstream, tokens = upstream.contiguous(), tokens.contiguous()
    batch, num_tokens, _ = tokens.shape
    images = max(TOKENS_IN_A_PART // num_tokens, 1)
    parts = weights.new_empty(-(-batch // images), *weights.shape)
    pointers = (tensor.data_ptr() for tensor in (upstream, tokens, parts))
    _compiled(tokens, weights, grid).gradient(*pointers, batch, images, torch.get_num_threads())
    return parts.sum(0)


@_mix.register_fake
def _(tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    return tokens.new_empty(tokens.shape)


@_gradient.register_fake
def _(upstream: Tensor, tokens: Tensor, weights: Tensor, grid: list[int]) -> Tensor:
    return weights.new_empty(weights.shape)


@register_flop_formula(torch.ops.lkca_exp.direct_mix)
def _flops(tokens: torch.Size, weights: torch.Size, grid: list[int], *_: Any, **__: Any) -> int:
    """Two for each pair of tokens that the kernel joins."""
    batch, _num_tokens, channels = tokens
    reach = weights[1] // 2
    height, width = (sum(min(i + reach + 1, n) - max(i - reach, 0) for i in range(n)) for n in grid)
    return 2 * batch * channels * height * width


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, list[int]], output: Tensor) -> None:
    tokens, weights, ctx.grid = inputs
    ctx.save_for_backward(tokens, weights)


def _backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
    tokens, weights = ctx.saved_tensors
    return (
        _mix(upstream, weights.flip(1, 2), ctx.grid),
        _gradient(upstream, tokens, weights, ctx.grid),
        None,
    )


_mix.register_autograd(_backward, setup_context=_save)


def _compiled(tokens: Tensor, weights: Tensor, grid: list[int]) -> ctypes.CDLL:
    return build_library(*grid, weights.shape[1], tokens.shape[2], weights.shape[3], tokens.dtype)


@functools.cache
def works() -> bool:
    """Whether a C++ compiler works here; says so if not."""
    if problem():
        log.warning("No C++ compiler works here (%s): nothing is compiled, which is slower.", problem())
    return problem() is None


@functools.cache
def problem() -> str | None:
    """Why no C++ compiler with OpenMP works here; None if one does."""
    try:
        build_library(height=1, width=1, side=1, channels=1, lanes=1, dtype=torch.float32)
    except RuntimeError as error:
        return str(error)
    return None


@functools.cache
def build_library(height: int, width: int, side: int, channels: int, lanes: int, dtype: torch.dtype) -> ctypes.CDLL:
    """Compiled in a fraction of a second, for this process only. Raises RuntimeError if it cannot be."""
    macros: dict[str, object] = {"HEIGHT": height, "WIDTH": width, "SIDE": side, "CHANNELS": channels, "LANES": lanes}
    macros |= {"SUM": SUMS[dtype], "BFLOAT16": int(dtype == torch.bfloat16)}
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    with tempfile.TemporaryDirectory(prefix="lkca_exp_") as folder:
        library = os.path.join(folder, "direct.so")
        defined = [f"-D{name}={value}" for name, value in macros.items()]
        try:
            done = subprocess.run([*compiler, *FLAGS, *defined, SOURCE, "-o", library], capture_output=True, text=True)
            if done.returncode:
                output = done.stderr.strip() or f"status {done.returncode}"
                raise RuntimeError(f"{compiler[0]}: {output.splitlines()[0]}")
            loaded = ctypes.CDLL(library)
        except OSError as error:  # no such compiler, or a temporary folder from which nothing may be run
            raise RuntimeError(str(error)) from error
    pointer, long = ctypes.c_void_p, ctypes.c_long
    loaded.mix.argtypes = (pointer, pointer, pointer, long, ctypes.c_int)
    loaded.gradient.argtypes = (pointer, pointer, pointer, long, long, ctypes.c_int)
    return loaded
