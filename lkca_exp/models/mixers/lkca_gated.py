"""A large kernel that gates: where it answers, the value passes.

    out = W_o ((kernel * W_g x) . W_v x)

LKCA's kernel weighs tokens by their offsets alone; multiplied with a value of the same token, its output becomes
dependent on content as attention's is. The form is the convolutional modulation of Hou et al., "Conv2Former", arXiv
2211.11943, equations 4 to 6, with LKCA in place of its depthwise convolution, and biases.

Shapes: B batch, N = h*w tokens, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import LkcaGatedConfig
from lkca_exp.models.mixers.lkca import Lkca


class LkcaGated(nn.Module):
    """`kernel` is LKCA without projections."""

    def __init__(self, width: int, kernel: Lkca) -> None:
        super().__init__()
        self.gate = nn.Linear(width, width)
        self.kernel = kernel
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config: LkcaGatedConfig, derived: VitDerived) -> LkcaGated:
        assert derived.kernel_size is not None
        kernel = Lkca(
            derived.width,
            derived.grid,
            kernel_size=derived.kernel_size,
            sharing=config.sharing,
            num_heads=derived.num_heads,
            view=config.view,
            projections=False,
            value_bias=False,
            init=config.init,
        )
        return cls(derived.width, kernel)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        return self.output(self.kernel(self.gate(tokens)) * self.value(tokens))
