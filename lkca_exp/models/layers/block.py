"""A pre-norm transformer block around any token mixer.

    x + drop_path(mixer(norm(x))), then x + drop_path(mlp(norm(x)))

Dosovitskiy et al., arXiv 2010.11929. With mlp_residual="normed" the MLP's output is added to norm(x) in place of x, as
in the code of Compact Transformers (arXiv 2104.05704).
"""

from __future__ import annotations

from torch import Tensor, nn

from lkca_exp.models.layers.choice import check_choice
from lkca_exp.models.layers.drop import Drop
from lkca_exp.models.layers.mlp import Mlp

MLP_RESIDUALS = ("tokens", "normed")


class Block(nn.Module):
    def __init__(
        self,
        width: int,
        mixer: nn.Module,
        mlp_width: int,
        drop_path: float,
        mlp_residual: str,
        norm_epsilon: float,
    ) -> None:
        super().__init__()
        check_choice("mlp_residual", mlp_residual, MLP_RESIDUALS)
        self.mixer_norm = nn.LayerNorm(width, eps=norm_epsilon)
        self.mixer = mixer
        self.mlp_norm = nn.LayerNorm(width, eps=norm_epsilon)
        self.mlp = Mlp(width, mlp_width)
        self.mlp_residual = mlp_residual
        self.drop_path = Drop(drop_path, per_image=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        tokens = self.drop_path.add(tokens, self.mixer(self.mixer_norm(tokens)))
        normed = self.mlp_norm(tokens)
        return self.drop_path.add(normed if self.mlp_residual == "normed" else tokens, self.mlp(normed))
