"""The Triton kernel in Triton's interpreter, against float64. A process of its own: the interpreter is chosen as the
module is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import environment

pytest.importorskip("triton")

COMPARE = """
import sys
import torch
from lkca_exp.models.large_kernel import large_kernel_mix
from lkca_exp.models.large_kernel.per_channel import mix

height, width, side, batch, channels, dtype = *map(int, sys.argv[1:6]), getattr(torch, sys.argv[6])
torch.manual_seed(0)
tokens, upstream = torch.randn(2, batch, height * width, channels).to(dtype)
kernel = torch.randn(channels, side, side)

def results(how, kind):
    x = tokens.to(kind).requires_grad_()
    k = kernel.to(torch.promote_types(kind, torch.float32)).requires_grad_()
    y = how(x, k)
    return y, *torch.autograd.grad(y, (x, k), upstream.to(kind))

ours = results(lambda x, k: mix(x, k, (height, width)), dtype)
exact = results(lambda x, k: large_kernel_mix(x, k, (height, width), "toeplitz"), torch.float64)
for mine, other in zip(ours, exact):
    print(float((mine.double() - other).abs().max() / other.abs().max()))
try:
    mix(tokens, kernel[:1], (height, width))
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("height", "width", "side", "batch", "dtype"),
    [
        (4, 4, 7, 3, "float32"),
        (5, 7, 13, 2, "float32"),
        pytest.param(8, 8, 15, 33, "float32", marks=pytest.mark.slow),
        pytest.param(6, 6, 3, 5, "float32", marks=pytest.mark.slow),
        (5, 7, 9, 3, "bfloat16"),
    ],
)
def test_output_and_gradients_are_those_of_float64(height, width, side, batch, dtype):
    words = [str(word) for word in (height, width, side, batch, 2, dtype)]
    command = [sys.executable, "-c", COMPARE, *words]
    done = subprocess.run(command, env=environment(TRITON_INTERPRET="1"), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    *errors, refusal = done.stdout.splitlines()
    assert len(errors) == 3
    assert all(float(error) < (1e-5 if dtype == "float32" else 2e-2) for error in errors), errors
    assert refusal.startswith("1 kernels for 2 channels")
