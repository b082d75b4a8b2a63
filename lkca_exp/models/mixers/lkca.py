"""Large-kernel convolutional attention: attention's matrix, but learned, and dependent on relative position only.

    out = W_o (W x V) + b_o,    V = x W_v,    W[q, k] = kernel[pos(k) - pos(q) + K // 2]

Li et al., arXiv 2401.05738, as their code has it (CatworldLee/LKCA-MiniViTsTrainer-Pytorch-CIFAR-TinyImageNet,
models/largevit_cnn.py and largevit_vit.py): multi-head attention is replaced by one large-kernel convolution over the
grid of tokens, with one kernel for all channels that starts at zero, between a value map without bias and an output map
with one. `lkca_depthwise` is the same class with a kernel for each channel and no maps.

Shapes: B batch, N = h*w tokens, C channels, G kernels (C, heads or 1), K kernel side.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema.mixer import LkcaConfig, LkcaDepthwiseConfig
from lkca_exp.models.large_kernel import check_kernel_size, large_kernel_mix
from lkca_exp.models.large_kernel.toeplitz import toeplitz_matrix
from lkca_exp.models.layers.choice import check_choice
from lkca_exp.models.layers.initial import Generators, from_global

VIEWS = {"auto": "auto", "convolution": "convolution", "attention": "toeplitz"}
"""What `view` says -> the backend of the operator that computes it."""
SHARINGS = ("channel", "head", "all")
INITS = ("zeros", "uniform", "normal")


class Lkca(nn.Module):
    """The paper's operator by default: tokens (B, N, C) of a grid (rows, columns) to (B, N, C).

    `kernel_size` is a side in tokens, by default the one that joins every two of them. `num_heads` is read with
    sharing="head" only, `value_bias` with projections only.

    Raises:
        ValueError: for a kernel that is even or too large, or a choice that does not exist.
    """

    def __init__(
        self,
        width: int,
        grid: tuple[int, int],
        kernel_size: int | None = None,
        sharing: str = LkcaConfig.sharing,
        num_heads: int | None = None,
        view: str = LkcaConfig.view,
        projections: bool = LkcaConfig.projections,
        value_bias: bool = LkcaConfig.value_bias,
        init: str = LkcaConfig.init,
    ) -> None:
        super().__init__()
        kernel_size = 2 * max(grid) - 1 if kernel_size is None else kernel_size
        check_kernel_size(kernel_size, grid)
        check_choice("view", view, VIEWS)
        check_choice("init", init, INITS)
        self.width, self.grid = width, grid
        self.view, self.init = view, init
        self.backend = VIEWS[view]
        self.kernel = nn.Parameter(torch.empty(_num_kernels(sharing, width, num_heads), kernel_size, kernel_size))
        self.value: nn.Module = nn.Linear(width, width, bias=value_bias) if projections else nn.Identity()
        self.output: nn.Module = nn.Linear(width, width) if projections else nn.Identity()
        self.draw(from_global)

    @classmethod
    def from_config(cls, config: LkcaConfig, derived: VitDerived) -> Lkca:
        assert derived.kernel_size is not None
        return cls(
            derived.width,
            derived.grid,
            kernel_size=derived.kernel_size,
            sharing=config.sharing,
            num_heads=derived.num_heads,
            view=config.view,
            projections=config.projections,
            value_bias=config.value_bias,
            init=config.init,
        )

    def draw(self, generators: Generators) -> None:
        match self.init:
            case "zeros":
                nn.init.zeros_(self.kernel)
            case "uniform":
                bound = 1 / self.kernel.shape[-1]  # 1 / sqrt(weights of a token), as torch's depthwise conv2d
                nn.init.uniform_(self.kernel, -bound, bound, generator=generators("kernel"))
            case "normal":
                nn.init.normal_(self.kernel, std=0.02, generator=generators("kernel"))

    def matrix(self, tokens: Tensor) -> Tensor:
        """How much each token reads of each, whatever the tokens: (1, G, N, N), of any sign."""
        return toeplitz_matrix(self.kernel, self.grid)[None]

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        value, output = self.value, self.output
        if self.training and len(self.kernel) == 1 and isinstance(value, nn.Linear) and isinstance(output, nn.Linear):
            return self._mix(_apply_both(value, output, tokens)) + output.bias
        return output(self._mix(value(tokens)))

    def _mix(self, tokens: Tensor) -> Tensor:
        return large_kernel_mix(tokens, self.kernel, self.grid, self.backend)


class LkcaDepthwise(Lkca):
    """A kernel for each channel, and no maps."""

    __init__ = functools.partialmethod(
        Lkca.__init__,
        sharing=LkcaDepthwiseConfig.sharing,
        projections=LkcaDepthwiseConfig.projections,
        init=LkcaDepthwiseConfig.init,
    )  # type: ignore[assignment]


def _apply_both(value: nn.Linear, output: nn.Linear, tokens: Tensor) -> Tensor:
    """Both maps, but for the output's bias, as one: a kernel of all channels commutes with maps of channels, so that
    (W (x W_v)) W_o is W (x (W_v W_o)). With more tokens than channels it halves the operations."""
    bias = None if value.bias is None else output.weight @ value.bias
    return F.linear(tokens, output.weight @ value.weight, bias)


def _num_kernels(sharing: str, width: int, num_heads: int | None) -> int:
    check_choice("sharing", sharing, SHARINGS)
    if sharing != "head":
        return width if sharing == "channel" else 1
    if num_heads is None or width % num_heads:
        raise ValueError(f"num_heads={num_heads}: with sharing='head' it must divide the {width} channels.")
    return num_heads
