"""Large-kernel convolutional attention: attention's matrix, but learned, and dependent on relative position only.

Li et al., arXiv 2401.05738: multi-head attention is replaced by one large-kernel convolution over the grid of tokens.
Who shares a kernel, whether value and output projections surround it, and its initial values are not known from the
paper's text at hand, so they are options (the configuration's defaults: one kernel per channel, no projections, as
torch's convolution). There is no bias, as attention's matrix has none.

Shapes: B batch, N = h*w tokens, C channels, G kernels (C, heads or 1), K kernel side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lkca_exp.config.derive import VitDerived
from lkca_exp.config.schema import LkcaConfig
from lkca_exp.models.large_kernel import check_kernel_size, large_kernel_mix
from lkca_exp.models.large_kernel.toeplitz import toeplitz_matrix

VIEWS = {"auto": "auto", "convolution": "convolution", "attention": "toeplitz"}
"""What `view` says -> the backend of the operator that computes it."""
SHARINGS = ("channel", "head", "all")
INITS = ("uniform", "normal")


class Lkca(nn.Module):
    """`num_heads` is read with sharing="head" only, and may be None otherwise."""

    def __init__(
        self,
        width: int,
        grid: tuple[int, int],
        kernel_size: int,
        sharing: str,
        num_heads: int | None,
        view: str,
        projections: bool,
        init: str,
    ) -> None:
        super().__init__()
        check_kernel_size(kernel_size, grid)
        if view not in VIEWS:
            raise ValueError(f"view={view!r}: no such view. Choose one of: {', '.join(VIEWS)}.")
        self.width, self.grid = width, grid
        self.view = view
        self.backend = VIEWS[view]
        self.kernel = nn.Parameter(torch.empty(_num_kernels(sharing, width, num_heads), kernel_size, kernel_size))
        self.value: nn.Module = nn.Linear(width, width) if projections else nn.Identity()
        self.output: nn.Module = nn.Linear(width, width) if projections else nn.Identity()
        _fill(self.kernel, init)

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
            init=config.init,
        )

    def matrix(self, tokens: Tensor) -> Tensor:
        """How much each token reads of each, whatever the tokens: (1, G, N, N), of any sign."""
        return toeplitz_matrix(self.kernel, self.grid)[None]

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        return self.output(large_kernel_mix(self.value(tokens), self.kernel, self.grid, self.backend))


def _num_kernels(sharing: str, width: int, num_heads: int | None) -> int:
    match sharing:
        case "channel":
            return width
        case "all":
            return 1
        case "head":
            if num_heads is None or width % num_heads:
                raise ValueError(f"num_heads={num_heads}: with sharing='head' it must divide the {width} channels.")
            return num_heads
    raise ValueError(f"sharing={sharing!r}: no such choice. Choose one of: {', '.join(SHARINGS)}.")


def _fill(kernel: Tensor, init: str) -> None:
    match init:
        case "uniform":
            bound = 1 / kernel.shape[-1]  # 1 / sqrt(weights that a token reads through), as torch's depthwise conv2d
            nn.init.uniform_(kernel, -bound, bound)
        case "normal":
            nn.init.normal_(kernel, std=0.02)
        case _:
            raise ValueError(f"init={init!r}: no such choice. Choose one of: {', '.join(INITS)}.")
