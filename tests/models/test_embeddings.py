"""Shifted patches and convolutions against slow twins. The linear embedding is in test_layers.

Shapes: B batch, h x w grid of tokens, p patch side in pixels, C width.
"""

from __future__ import annotations

import inspect
from itertools import pairwise
from pkgutil import resolve_name

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.schema import GROUP_SCHEMAS
from lkca_exp.models.embeddings.convolution import ConvolutionEmbedding
from lkca_exp.models.embeddings.shifted import ShiftedEmbedding
from lkca_exp.models.layers.initial import draw_weights


def images(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.randn(2, channels, height, width, dtype=torch.float64)


@pytest.mark.parametrize("name", GROUP_SCHEMAS["model/embedding"])
def test_constructors_name_all_their_arguments(name: str) -> None:
    embedding = resolve_name(GROUP_SCHEMAS["model/embedding"][name].build)
    kinds = {parameter.kind for parameter in inspect.signature(embedding).parameters.values()}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("side", [2, 4, 5])
def test_shifted_patches_see_half_a_patch_around_them(side: int) -> None:
    """Pixel by pixel: channel group 1 is moved right and down, 2 left and down, 3 right and up, 4 left and up."""
    embed = ShiftedEmbedding((2, 3), side, channels=2, width=7).double()
    nn.init.normal_(embed.norm.weight)
    image, half = images(2 * side, 3 * side, channels=2), side // 2
    stacked = torch.zeros(2, 10, 2 * side, 3 * side, dtype=torch.float64)
    moves = [(0, 0), (half, half), (half, -half), (-half, half), (-half, -half)]
    for number, (down, right) in enumerate(moves):
        for y in range(2 * side):
            for x in range(3 * side):
                if 0 <= y - down < 2 * side and 0 <= x - right < 3 * side:
                    stacked[:, 2 * number : 2 * number + 2, y, x] = image[:, :, y - down, x - right]
    tokens = []
    for row in range(2):
        for column in range(3):
            patch = stacked[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side].flatten(1)
            normed = F.layer_norm(patch, patch.shape[1:], embed.norm.weight, embed.norm.bias)
            tokens.append(normed @ embed.projection.weight.T + embed.projection.bias)
    torch.testing.assert_close(embed(image), torch.stack(tokens, dim=1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("patch_size", "hidden"), [(2, []), (4, [64]), (8, [64, 64])])
@pytest.mark.parametrize("kernel_size", [3, 7])
def test_convolutions_halve_the_image_until_it_is_the_grid(
    patch_size: int, hidden: list[int], kernel_size: int
) -> None:
    embed = ConvolutionEmbedding((2, 3), patch_size, channels=3, width=10, kernel_size=kernel_size).double()
    sizes = [3, *hidden, 10]
    shapes = [(after, before, kernel_size, kernel_size) for before, after in pairwise(sizes)]
    assert [tuple(parameter.shape) for parameter in embed.parameters()] == shapes
    tokens = embed(images(2 * patch_size, 3 * patch_size))
    assert tokens.shape == (2, 6, 10)
    assert tokens.is_contiguous()
    assert (tokens >= 0).all()


def test_one_layer_of_the_tokenizer_by_hand() -> None:
    embed = ConvolutionEmbedding((2, 2), 2, channels=1, width=3, kernel_size=3).double()
    image = images(4, 4, channels=1)
    weight = next(embed.parameters())
    features = F.conv2d(image, weight, padding=1).relu()
    expected = torch.empty(2, 4, 3, dtype=torch.float64)
    for row in range(2):
        for column in range(2):
            near = features[:, :, max(2 * row - 1, 0) : 2 * row + 2, max(2 * column - 1, 0) : 2 * column + 2]
            expected[:, 2 * row + column] = near.amax(dim=(2, 3))
    torch.testing.assert_close(embed(image), expected, rtol=1e-12, atol=1e-12)


def test_convolutions_start_kaiming_normal() -> None:
    embed = ConvolutionEmbedding((8, 8), 4, channels=3, width=256, kernel_size=3)
    draw_weights(embed, "xavier_uniform", seed=0)
    first, second = embed.parameters()
    for weight in (first, second):
        assert weight.std().item() == pytest.approx((2 / (weight.shape[1] * 9)) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ShiftedEmbedding((8, 8), 1, 1, 8), "patch_size=1.*half"),
        (lambda: ConvolutionEmbedding((8, 8), 1, 1, 8, 3), "patch_size=1.*2, 4, 8"),
        (lambda: ConvolutionEmbedding((8, 8), 6, 1, 8, 3), "patch_size=6.*2, 4, 8"),
        (lambda: ConvolutionEmbedding((8, 8), 4, 1, 8, 2), "kernel_size=2.*odd"),
        (lambda: ShiftedEmbedding((4, 4), 2, 1, 8)(torch.zeros(1, 1, 8, 10)), "built for"),
        (lambda: ConvolutionEmbedding((4, 4), 2, 1, 8, 3)(torch.zeros(1, 3, 8, 8)), "built for"),
    ],
)
def test_embeddings_refuse(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
