"""The Vision Transformer that every mixer is compared in; models differ in their mixer and in nothing else.

Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv 2010.11929: patches, positions, pre-norm blocks, a final
norm, a linear head. The defaults are that paper's; the code of Lee et al. (arXiv 2112.13492) and Li et al. (arXiv
2401.05738) differs in stochastic depth, initial weights, the epsilon of the norms and, with mean pooling, the place of
the last norm.

Linear layers start from Xavier's distribution (a fused qkv as the one map that it is), biases from 0. The normal of
std 0.02 that timm and DeiT use suits wide models only: at width 48 it held attention back by 8 points on digits (87.7
against 95.6 %, means of 3 seeds, 40 epochs), and LKCA with a kernel per channel by less than one.

With pooling="class_token" a learned token is put in front and the head reads it; with "mean" and "sequence" there is
none, and the head reads the mean of the tokens, with equal or with learned weights.

Shapes: B batch, N tokens, C width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lkca_exp.models.layers.block import Block
from lkca_exp.models.layers.choice import check_choice
from lkca_exp.models.layers.drop import drop_path_rates
from lkca_exp.models.layers.initial import Generators, draw_weights
from lkca_exp.models.layers.positions import make_positions
from lkca_exp.models.layers.sequence_pool import SequencePool

POOLINGS = ("mean", "class_token", "sequence")
FINAL_NORMS = ("before_pooling", "after_pooling")


class VisionTransformer(nn.Module):
    """`embedding` takes images to tokens; `grid` is (rows, columns) of them; `make_mixer` is called once a block. Other
    arguments are keys of `model` (see lkca_exp/config/schema/model.py)."""

    def __init__(
        self,
        *,
        embedding: nn.Module,
        grid: tuple[int, int],
        num_classes: int,
        width: int,
        depth: int,
        mlp_ratio: float,
        positions: str,
        position_std: float,
        pooling: str,
        final_norm: str,
        norm_epsilon: float,
        mlp_residual: str,
        drop_path: float,
        drop_path_schedule: str,
        make_mixer: Callable[[], nn.Module],
        init: str,
        seed: int,
    ) -> None:
        super().__init__()
        check_choice("pooling", pooling, POOLINGS)
        check_choice("final_norm", final_norm, FINAL_NORMS)
        mlp_width = max(round(width * mlp_ratio), 1)
        self.patch_embed = embedding
        self.position_std = position_std
        self.class_token = nn.Parameter(torch.empty(width)) if pooling == "class_token" else None
        self.positions = make_positions(
            positions, grid, width, class_token=self.class_token is not None, std=position_std
        )
        self.blocks = nn.ModuleList(
            Block(width, make_mixer(), mlp_width, rate, mlp_residual, norm_epsilon)
            for rate in drop_path_rates(drop_path, depth, drop_path_schedule)
        )
        self.norm = nn.LayerNorm(width, eps=norm_epsilon)
        self.norm_first = final_norm == "before_pooling"
        self.sequence_pool = SequencePool(width) if pooling == "sequence" else None
        self.head = nn.Linear(width, num_classes)
        draw_weights(self, init, seed)

    def draw(self, generators: Generators) -> None:
        if self.class_token is not None:
            nn.init.normal_(self.class_token, std=self.position_std, generator=generators("class_token"))

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, channels, H, W) -> logits (B, num_classes)."""
        tokens = self._embed(images)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self._pool(tokens))

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters of two or more axes that are no weights: positions."""
        return {name for name, _ in self.named_parameters() if name.endswith(("positions.embedding", "position_bias"))}

    def intermediates(self, images: Tensor) -> dict[str, Tensor]:
        """What passes through the model, in order: tokens, block_0 ... , all (B, N, C) with a class token (if any) in
        front; pooled (B, C), which the head reads; logits."""
        tokens = self._embed(images)
        seen = {"tokens": tokens}
        for index, block in enumerate(self.blocks):
            tokens = seen[f"block_{index}"] = block(tokens)
        seen["pooled"] = self._pool(tokens)
        seen["logits"] = self.head(seen["pooled"])
        return seen

    def _embed(self, images: Tensor) -> Tensor:
        tokens = self.patch_embed(images)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1)
        return self.positions(tokens)

    def _pool(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, C), normed."""
        return self._read(self.norm(tokens)) if self.norm_first else self.norm(self._read(tokens))

    def _read(self, tokens: Tensor) -> Tensor:
        if self.class_token is not None:
            return tokens[:, 0]
        return tokens.mean(dim=1) if self.sequence_pool is None else self.sequence_pool(tokens)
