"""The layers around a mixer, each against a hand-written twin or a property that defines it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lkca_exp.batches.loader import Share
from lkca_exp.models.embeddings.linear import LinearEmbedding
from lkca_exp.models.layers.block import Block
from lkca_exp.models.layers.drop import Drop, drop_path_rates, share_masks
from lkca_exp.models.layers.mlp import Mlp
from lkca_exp.models.layers.positions import LearnedPositions, make_positions, sincos_2d


@pytest.mark.parametrize(("grid", "side", "channels"), [((4, 4), 2, 1), ((2, 3), 4, 3), ((1, 1), 8, 3)])
def test_patch_embedding_is_a_convolution_of_stride_p(grid: tuple[int, int], side: int, channels: int) -> None:
    embed = LinearEmbedding(grid, side, channels, width=10).double()
    images = torch.randn(2, channels, grid[0] * side, grid[1] * side, dtype=torch.float64)
    weight = embed.projection.weight.view(10, channels, side, side)
    expected = F.conv2d(images, weight, embed.projection.bias, stride=side).flatten(2).mT
    tokens = embed(images)
    torch.testing.assert_close(tokens, expected, rtol=1e-12, atol=1e-12)
    assert tokens.is_contiguous()


@pytest.mark.parametrize("shape", [(2, 1, 8, 10), (2, 3, 8, 8), (1, 8, 8), (2, 1, 16, 4)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"built for \(B, \*\(1, 8, 8\)\)"):
        LinearEmbedding((4, 4), 2, channels=1, width=10)(torch.zeros(shape))


def test_sincos_positions_by_hand() -> None:
    """12 channels: 3 frequencies 1, 1/100 and 1/10,000 for each of column sine, column cosine, row sine, row cosine."""
    embedding = sincos_2d((2, 3), width=12)
    row, column = 1, 2
    expected = [
        function(place * frequency)
        for place in (column, row)
        for function in (math.sin, math.cos)
        for frequency in (1, 1e-2, 1e-4)
    ]
    torch.testing.assert_close(embedding[row * 3 + column], torch.tensor(expected))
    torch.testing.assert_close(embedding[0], torch.tensor([0.0] * 3 + [1.0] * 3 + [0.0] * 3 + [1.0] * 3))


def test_products_of_sincos_positions_depend_on_the_offset_only() -> None:
    embedding = sincos_2d((4, 6), width=16).double().view(4, 6, 16)
    for down, across in ((0, 0), (1, 2), (3, 0), (2, 5)):
        products = (embedding[: 4 - down, : 6 - across] * embedding[down:, across:]).sum(dim=-1)
        torch.testing.assert_close(products, products[0, 0].expand_as(products), rtol=0, atol=1e-5)


def test_sincos_positions_differ_between_all_tokens() -> None:
    embedding = sincos_2d((8, 8), width=64)
    assert torch.cdist(embedding, embedding).fill_diagonal_(1).min() > 0.1


def test_sincos_positions_are_fixed_and_in_no_checkpoint() -> None:
    positions = make_positions("sincos", (2, 3), width=8, class_token=True, std=0.02)
    assert not list(positions.parameters())
    assert not positions.state_dict()
    moved = positions(torch.zeros(1, 7, 8))
    assert moved[0, 0].eq(0).all()  # the class token lies nowhere
    torch.testing.assert_close(moved[0, 1:], sincos_2d((2, 3), width=8))


@pytest.mark.parametrize("class_token", [False, True])
def test_learned_positions_are_added(class_token: bool) -> None:
    positions = make_positions("learned", (8, 8), width=64, class_token=class_token, std=0.3)
    assert isinstance(positions, LearnedPositions)
    assert positions.embedding.shape == (64 + class_token, 64)
    assert positions.embedding.std().item() == pytest.approx(0.3, rel=0.05)
    tokens = torch.randn(2, 64 + class_token, 64)
    torch.testing.assert_close(positions(tokens) - tokens, positions.embedding.expand_as(tokens), rtol=0, atol=1e-6)


def test_no_positions_leave_the_tokens_alone() -> None:
    tokens = torch.randn(2, 6, 8)
    assert torch.equal(make_positions("none", (2, 3), width=8, class_token=False, std=0.02)(tokens), tokens)


@pytest.mark.parametrize(
    ("kind", "width", "message"),
    [("rotary", 8, "positions='rotary'.*learned, sincos, none"), ("sincos", 10, "width=10.*multiple of 4")],
)
def test_positions_refuse(kind: str, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_positions(kind, (2, 3), width, class_token=False, std=0.02)


def test_drop_path_drops_at_its_rate_and_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    dropped = Drop(0.3, per_image=True).train()(torch.ones(20_000, 2, 3))
    per_image = dropped[:, 0, 0]
    assert torch.equal(dropped, per_image[:, None, None].expand_as(dropped))  # an image is kept or dropped as a whole
    torch.testing.assert_close(per_image.unique(), torch.tensor([0, 1 / 0.7]))
    assert (per_image == 0).float().mean().item() == pytest.approx(0.3, abs=0.015)
    assert per_image.mean().item() == pytest.approx(1, abs=0.02)


def test_drop_path_is_drawn_from_the_global_generator() -> None:
    branch, drop_path = torch.ones(64, 1), Drop(0.5, per_image=True).train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(drop_path(branch))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)])
def test_drop_path_that_is_off_passes_on_and_draws_nothing(rate: float, training: bool) -> None:
    branch, state = torch.randn(4, 2), torch.get_rng_state()
    assert torch.equal(Drop(rate, per_image=True).train(training)(branch), branch)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_drop_path_refuses_what_is_no_rate(rate: float) -> None:
    with pytest.raises(ValueError, match="drop rate"):
        Drop(rate, per_image=True)


@pytest.mark.parametrize("per_image", [True, False])
def test_processes_that_share_a_batch_draw_the_masks_of_one(per_image: bool) -> None:
    values = torch.randn(6, 3, 4)
    drop = Drop(0.4, per_image).train()
    torch.manual_seed(0)
    expected = drop(values)
    for rank in range(3):
        share = Share(rank, 3)
        share_masks(nn.Sequential(drop), share)
        torch.manual_seed(0)
        assert torch.equal(drop(share.of(values)), share.of(expected))
    assert 0 < (expected == 0).float().mean() < 1


def test_the_rates_of_stochastic_depth() -> None:
    assert drop_path_rates(0.3, 4, "rising") == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1, "rising") == [0]
    assert drop_path_rates(0.3, 3, "constant") == [0.3] * 3
    with pytest.raises(ValueError, match=r"schedule='falling'.*rising, constant"):
        drop_path_rates(0.3, 3, "falling")


def test_mlp_is_linear_gelu_linear() -> None:
    mlp, tokens = Mlp(4, 6).double(), torch.randn(2, 3, 4, dtype=torch.float64)
    hidden = tokens @ mlp.expand.weight.T + mlp.expand.bias
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    expected = hidden @ mlp.reduce.weight.T + mlp.reduce.bias
    torch.testing.assert_close(mlp(tokens), expected, rtol=1e-12, atol=1e-12)


def normalise(tokens: torch.Tensor) -> torch.Tensor:
    centred = tokens - tokens.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()


def test_block_adds_both_branches_after_a_norm() -> None:
    mixer = nn.Linear(4, 4)
    block = Block(4, mixer, mlp_width=6, drop_path=0.0, mlp_residual="tokens", norm_epsilon=1e-6).double()
    tokens = torch.randn(2, 3, 4, dtype=torch.float64)
    middle = tokens + mixer(normalise(tokens))
    expected = middle + block.mlp(normalise(middle))
    torch.testing.assert_close(block(tokens), expected, rtol=1e-12, atol=1e-12)


def test_block_drops_each_branch_on_its_own() -> None:
    torch.manual_seed(0)
    block = (
        Block(4, nn.Linear(4, 4), mlp_width=6, drop_path=0.5, mlp_residual="tokens", norm_epsilon=1e-6).double().train()
    )
    image = torch.randn(1, 3, 4, dtype=torch.float64)
    outputs = block(image.expand(200, -1, -1)).flatten(1)
    counts = torch.unique(outputs.round(decimals=8), dim=0, return_counts=True)[1]
    assert len(counts) == 4  # neither branch, the mixer's, the MLP's, both
    assert counts.min() > 30


@pytest.mark.parametrize("tokens", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("branch", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_branch_is_added_as_torch_adds(tokens, branch, rate):
    a, b = torch.randn(3, 5, dtype=tokens), torch.randn(3, 5, dtype=branch)
    drop = Drop(rate, per_image=True).train()
    torch.manual_seed(0)
    added = drop.add(a, b)
    torch.manual_seed(0)
    expected = a + drop(b)
    assert added.dtype == expected.dtype
    torch.testing.assert_close(added, expected, rtol=0.01, atol=1e-2 if branch == torch.bfloat16 else 1e-6)
