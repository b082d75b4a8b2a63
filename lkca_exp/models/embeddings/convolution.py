"""The tokenizer of the Compact Convolutional Transformer: convolutions in place of patches.

Hassani et al., "Escaping the Big Data Paradigm with Compact Transformers", arXiv 2104.05704, as in its code: layers of
a K x K convolution without bias, ReLU and a max pooling that halves the image. One layer makes tokens of 2 x 2 pixels,
two make tokens of 4 x 4: so the side of a patch says how many there are. Those before the last have 64 channels.

Shapes: B batch, h x w grid of tokens, p pixels along a side of a token, N = h*w tokens, C width, K kernel side.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import ConvolutionEmbeddingConfig
from lkca_exp.models.embeddings.linear import check_images

HIDDEN_CHANNELS = 64


class ConvolutionEmbedding(nn.Module):
    def __init__(self, grid: tuple[int, int], patch_size: int, channels: int, width: int, kernel_size: int) -> None:
        super().__init__()
        num_layers = patch_size.bit_length() - 1
        if num_layers < 1 or patch_size != 2**num_layers:
            raise ValueError(f"patch_size={patch_size}: every layer halves the image, so give 2, 4, 8 ...")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size}: the side of a kernel is odd.")
        self.grid = grid
        self.patch_size = patch_size
        self.channels = channels
        sizes = [channels, *[HIDDEN_CHANNELS] * (num_layers - 1), width]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(sizes[i], sizes[i + 1], kernel_size, padding=kernel_size // 2, bias=False)
            for i in range(num_layers)
        )

    @classmethod
    def from_config(cls, config: ConvolutionEmbeddingConfig, derived: VitDerived) -> ConvolutionEmbedding:
        return cls(derived.grid, derived.patch_size, derived.channels, derived.width, config.kernel_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, h*p, w*p) -> (B, N, C), tokens in rows of the grid."""
        check_images(images, self.grid, self.patch_size, self.channels)
        for convolution in self.convolutions:
            images = F.max_pool2d(convolution(images).relu(), kernel_size=3, stride=2, padding=1)
        return images.flatten(2).mT.contiguous()
