"""Every backend of the large kernel that a GPU has, in every precision, against float64 on the CPU."""

from __future__ import annotations

import pytest
import torch

from lkca_exp.models.large_kernel import large_kernel_mix
from tests.gpu import DEVICE, ON_A_GPU

pytestmark = ON_A_GPU
# Share of the largest value. TF32 has 10 bits of mantissa, bfloat16 7; sums are of 64 to 128 x 64 products.
TOLERANCES = {"fp32": 1e-5, "tf32": 5e-3, "bf16": 3e-2}


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("num_kernels", [1, 4, 32])
@pytest.mark.parametrize("side", [3, 15])
@pytest.mark.parametrize("backend", ["convolution", "toeplitz", "auto"])
def test_output_and_gradients_are_those_of_float64(backend, side, num_kernels, precision):
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    draws = torch.Generator().manual_seed(0)
    tokens, upstream = torch.randn(2, 16, 64, 32, generator=draws).to(dtype)
    kernel = torch.randn(num_kernels, side, side, generator=draws)

    def results(device: str, kind: torch.dtype, how: str) -> list[torch.Tensor]:
        x = tokens.to(device, kind).requires_grad_()
        k = kernel.to(device, torch.promote_types(kind, torch.float32)).requires_grad_()
        y = large_kernel_mix(x, k, (8, 8), how)
        return [
            part.double().cpu() for part in (y.detach(), *torch.autograd.grad(y, (x, k), upstream.to(device, kind)))
        ]

    for ours, exact in zip(results(DEVICE, dtype, backend), results("cpu", torch.float64, "toeplitz"), strict=True):
        assert (ours - exact).abs().max() <= TOLERANCES[precision] * exact.abs().max()
