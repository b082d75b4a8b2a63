"""Every mixer against a slow twin or a stated property.

Shapes: B batch, N = h*w tokens, C channels, K kernel side.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lkca_exp.config.derive import derive
from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, DataConfig, VitConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.models.layers.drop import Drop
from lkca_exp.models.mixers.attention import Attention, softmax_attention
from lkca_exp.models.mixers.lkca import Lkca
from lkca_exp.models.mixers.lkca_gated import LkcaGated
from lkca_exp.models.mixers.locality_attention import LocalityAttention
from lkca_exp.models.mixers.pooling import Pooling
from lkca_exp.models.mixers.relative_attention import RelativeAttention

WIDTH, GRID = 12, (3, 5)


def make_lkca(**changed: Any) -> Lkca:
    options: dict[str, Any] = {
        "kernel_size": 9,
        "sharing": "channel",
        "num_heads": None,
        "view": "auto",
        "projections": False,
        "value_bias": True,
        "init": "uniform",
    }
    return Lkca(WIDTH, GRID, **(options | changed))


def make_attention(kind: type[Attention] = Attention, **changed: Any) -> Attention:
    options: dict[str, Any] = {"num_heads": 3, "qkv_bias": True, "dropout": 0.0}
    return kind(WIDTH, GRID, **(options | changed))


def declared(name: str) -> nn.Module:
    """The option as it is declared, with its defaults."""
    config = Config(data=DataConfig(name="digits"))
    config.model = VitConfig(width=WIDTH, mixer=GROUP_SCHEMAS["model/mixer"][name]())
    derived = derive(config, SPECS["digits"])
    assert isinstance(derived, VitDerived)
    mixer = resolve_name(config.model.mixer.build).from_config(config.model.mixer, replace(derived, grid=GRID))
    for parameter in mixer.parameters():
        nn.init.normal_(parameter)
    return mixer


MADE: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(declared, name) for name in GROUP_SCHEMAS["model/mixer"]},
    "attention without bias": lambda: make_attention(qkv_bias=False),
    "attention with dropout": lambda: make_attention(dropout=0.3).eval(),
    "lkca with projections": lambda: make_lkca(projections=True),
    "lkca per head": lambda: make_lkca(sharing="head", num_heads=4),
    "lkca for all": lambda: make_lkca(sharing="all", init="normal"),
    "lkca as a convolution": lambda: make_lkca(view="convolution", kernel_size=3),
    "lkca as attention": lambda: make_lkca(view="attention", kernel_size=5),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def influence(mixer: nn.Module, output_token: int) -> Tensor:
    """Which of the N tokens the given output token depends on."""
    tokens = normal(1, GRID[0] * GRID[1], WIDTH).requires_grad_()
    mixer(tokens)[0, output_token].sum().backward()
    assert tokens.grad is not None
    return tokens.grad[0].abs().sum(dim=1) > 0


@pytest.mark.parametrize("name", GROUP_SCHEMAS["model/mixer"])
def test_constructors_name_all_their_arguments(name: str) -> None:
    mixer = type(declared(name))
    if "__init__" in vars(mixer):
        kinds = {parameter.kind for parameter in inspect.signature(mixer).parameters.values()}
        assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("made", MADE)
def test_shape_dtype_and_gradients(made: str) -> None:
    mixer = MADE[made]()
    tokens = torch.randn(2, GRID[0] * GRID[1], WIDTH, requires_grad=True)
    mixed = mixer(tokens)
    assert mixed.shape == tokens.shape
    assert mixed.dtype == tokens.dtype
    assert mixed.isfinite().all()
    mixed.square().sum().backward()
    for name, parameter in mixer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("made", MADE)
def test_images_of_a_batch_do_not_mix(made: str) -> None:
    mixer = MADE[made]().double()
    tokens = normal(3, GRID[0] * GRID[1], WIDTH)
    torch.testing.assert_close(mixer(tokens)[1:2], mixer(tokens[1:2]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("class_token", [0, 1])
@pytest.mark.parametrize("num_heads", [1, 3, 12])
def test_attention_is_softmax_of_queries_and_keys(num_heads: int, class_token: int) -> None:
    mixer = make_attention(num_heads=num_heads).double()
    tokens = normal(2, GRID[0] * GRID[1] + class_token, WIDTH)
    queries, keys, values = (tokens @ mixer.qkv.weight.T + mixer.qkv.bias).chunk(3, dim=-1)
    heads = []
    for head in range(num_heads):
        own = slice(head * WIDTH // num_heads, (head + 1) * WIDTH // num_heads)
        logits = queries[..., own] @ keys[..., own].mT / (WIDTH / num_heads) ** 0.5
        weights = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
        heads.append(weights @ values[..., own])
    expected = torch.cat(heads, dim=-1) @ mixer.output.weight.T + mixer.output.bias
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-12, atol=1e-12)


def heads_by_hand(mixer: Attention, tokens: Tensor, reads: Callable[[int, Tensor, Tensor], Tensor]) -> Tensor:
    """Attention head by head, with the logits (B, N, N) that `reads` makes of a head's number, queries and keys."""
    queries, keys, values = (tokens @ mixer.qkv.weight.T + mixer.qkv.bias).chunk(3, dim=-1)
    heads = []
    for head in range(mixer.num_heads):
        own = slice(head * WIDTH // mixer.num_heads, (head + 1) * WIDTH // mixer.num_heads)
        weights = reads(head, queries[..., own], keys[..., own]).exp()
        heads.append(weights / weights.sum(dim=-1, keepdim=True) @ values[..., own])
    return torch.cat(heads, dim=-1) @ mixer.output.weight.T + mixer.output.bias


@pytest.mark.parametrize("class_token", [0, 1])
def test_locality_attention_is_tempered_and_looks_away_from_itself(class_token: int) -> None:
    mixer = make_attention(LocalityAttention).double()
    assert isinstance(mixer, LocalityAttention)
    torch.testing.assert_close(mixer.scale, torch.full((3,), 0.5, dtype=torch.float64))
    mixer.scale.data = torch.tensor([0.1, 1.0, 3.0], dtype=torch.float64)
    tokens = normal(2, GRID[0] * GRID[1] + class_token, WIDTH)

    def reads(head: int, queries: Tensor, keys: Tensor) -> Tensor:
        logits = queries @ keys.mT * mixer.scale[head]
        for i in range(tokens.shape[1]):
            logits[:, i, i] = -torch.inf
        return logits

    torch.testing.assert_close(mixer(tokens), heads_by_hand(mixer, tokens, reads), rtol=1e-12, atol=1e-12)


def test_locality_attention_takes_two_tokens() -> None:
    with pytest.raises(ValueError, match="1 token"):
        LocalityAttention(WIDTH, (1, 1), 3, True, 0.0)(torch.zeros(1, 1, WIDTH))


def test_relative_attention_adds_a_bias_by_offset() -> None:
    mixer = make_attention(RelativeAttention).double()
    assert isinstance(mixer, RelativeAttention)
    height, width = GRID
    table = mixer.position_bias.view(3, 2 * height - 1, 2 * width - 1)

    def reads(head: int, queries: Tensor, keys: Tensor) -> Tensor:
        bias = torch.stack(
            [
                table[head, j // width - i // width + height - 1, j % width - i % width + width - 1]
                for i in range(height * width)
                for j in range(height * width)
            ]
        )
        return queries @ keys.mT / 2 + bias.view(height * width, height * width)

    tokens = normal(2, height * width, WIDTH)
    torch.testing.assert_close(mixer(tokens), heads_by_hand(mixer, tokens, reads), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Attention, LocalityAttention, RelativeAttention])
def test_attention_drops_weights_in_training_only(kind: type[Attention]) -> None:
    mixer, exact = make_attention(kind, dropout=0.5), make_attention(kind)
    exact.load_state_dict(mixer.state_dict())
    tokens = torch.randn(2, GRID[0] * GRID[1], WIDTH)
    assert torch.equal(mixer.eval()(tokens), exact(tokens))
    mixer.train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(mixer(tokens))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    mean = torch.stack([mixer(tokens) for _ in range(2000)]).mean(dim=0)
    torch.testing.assert_close(mean, exact(tokens), rtol=0, atol=0.03)


def test_a_gate_multiplies_the_value() -> None:
    mixer = LkcaGated(WIDTH, make_lkca(kernel_size=5)).double()
    tokens = normal(2, GRID[0] * GRID[1], WIDTH)
    gate = mixer.kernel(tokens @ mixer.gate.weight.T + mixer.gate.bias)
    value = tokens @ mixer.value.weight.T + mixer.value.bias
    expected = (gate * value) @ mixer.output.weight.T + mixer.output.bias
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_pooling_is_the_mean_of_the_neighbours_less_the_token(side: int) -> None:
    tokens = normal(2, GRID[0] * GRID[1], WIDTH)
    image, expected = tokens.view(2, *GRID, WIDTH), torch.empty(2, *GRID, WIDTH, dtype=torch.float64)
    for row in range(GRID[0]):
        for column in range(GRID[1]):
            near = image[:, max(row - side // 2, 0) : row + side // 2 + 1, max(column - side // 2, 0) :]
            near = near[:, :, : side // 2 + 1 + min(column, side // 2)]
            expected[:, row, column] = near.mean(dim=(1, 2)) - image[:, row, column]
    torch.testing.assert_close(Pooling(GRID, side)(tokens), expected.flatten(1, 2), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("sharing", "num_heads", "num_kernels"), [("channel", None, WIDTH), ("head", 4, 4), ("all", None, 1)]
)
def test_lkca_has_one_kernel_per(sharing: str, num_heads: int | None, num_kernels: int) -> None:
    mixer = make_lkca(sharing=sharing, num_heads=num_heads)
    assert {name: tuple(p.shape) for name, p in mixer.named_parameters()} == {"kernel": (num_kernels, 9, 9)}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("value_bias", [True, False])
@pytest.mark.parametrize("sharing", ["channel", "head", "all"])
def test_lkca_projects_before_and_after_the_kernel(sharing: str, value_bias: bool, training: bool) -> None:
    choice = {"sharing": sharing, "num_heads": 2}
    mixer = make_lkca(**choice, projections=True, value_bias=value_bias).double().train(training)
    bare = make_lkca(**choice).double()
    bare.kernel = mixer.kernel
    tokens = normal(2, GRID[0] * GRID[1], WIDTH).requires_grad_()
    value, output = dict(mixer.value.named_parameters()), mixer.output
    values = tokens @ value["weight"].T + value.get("bias", 0)
    expected = bare(values) @ output.weight.T + output.bias
    actual = mixer(tokens)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    leaves = [tokens, *mixer.parameters()]
    gradients = [torch.autograd.grad(mixed.square().sum(), leaves) for mixed in (actual, expected)]
    for gradient, value in zip(*gradients, strict=True):
        torch.testing.assert_close(gradient, value, rtol=1e-11, atol=1e-11)


def test_lkca_starts_at_zero_and_learns_from_there() -> None:
    mixer = make_lkca(sharing="all", projections=True, value_bias=False, init="zeros")
    tokens = torch.randn(2, GRID[0] * GRID[1], WIDTH)
    torch.testing.assert_close(mixer(tokens), mixer.output.bias.expand_as(tokens))
    mixer(tokens).square().sum().backward()
    assert mixer.kernel.grad.abs().sum() > 0
    assert mixer.value.bias is None


@pytest.mark.parametrize("view", ["auto", "convolution", "attention"])
@pytest.mark.parametrize("output_token", [0, 7, 14])
def test_a_full_kernel_sees_every_token(view: str, output_token: int) -> None:
    assert influence(make_lkca(view=view).double(), output_token).all()


@pytest.mark.parametrize("view", ["auto", "convolution", "attention"])
def test_a_small_kernel_sees_its_neighbours_only(view: str) -> None:
    seen = influence(make_lkca(kernel_size=3, view=view).double(), output_token=6)  # row 1, column 1
    assert seen.view(GRID).tolist() == [[True] * 3 + [False] * 2] * 3


@pytest.mark.parametrize("view", ["auto", "convolution"])
def test_the_matrix_says_what_each_token_reads(view: str) -> None:
    mixer = make_lkca(view=view).double()
    tokens = normal(2, GRID[0] * GRID[1], WIDTH)
    expected = torch.einsum("cij,bjc->bic", mixer.matrix(tokens)[0], tokens)
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-12, atol=1e-12)


def test_uniform_kernels_start_like_torchs_depthwise_convolution() -> None:
    kernel = Lkca(256, (8, 8), 15, "channel", None, "auto", False, False, "uniform").kernel.detach()
    depthwise = nn.Conv2d(256, 256, 15, groups=256).weight
    assert 0.99 / 15 < kernel.abs().max() <= 1 / 15
    assert kernel.std().item() == pytest.approx(depthwise.std().item(), rel=0.02)
    assert kernel.mean().item() == pytest.approx(0, abs=1e-3)


def test_normal_kernels_start_with_their_std() -> None:
    kernel = Lkca(256, (8, 8), 15, "channel", None, "auto", False, False, "normal").kernel
    assert kernel.std().item() == pytest.approx(0.02, rel=0.02)
    assert kernel.abs().max() > 0.06  # no uniform distribution of this std reaches that far


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kernel_size": 4}, "kernel side 4.*odd"),
        ({"kernel_size": 11}, "kernel side 11.*from 1 to 9"),
        ({"sharing": "group"}, "sharing='group'.*channel, head, all"),
        ({"sharing": "head"}, "num_heads=None.*divide the 12"),
        ({"sharing": "head", "num_heads": 5}, "num_heads=5.*divide the 12"),
        ({"view": "fft"}, "view='fft'.*auto, convolution, attention"),
        ({"init": "ones"}, "init='ones'.*zeros, uniform, normal"),
    ],
)
def test_lkca_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_lkca(**changed)


def test_attention_refuses_heads_that_do_not_divide_the_channels() -> None:
    with pytest.raises(ValueError, match=r"num_heads=5.*divide the 12"):
        make_attention(num_heads=5)


@pytest.mark.parametrize(
    "made", ["attention", "locality_attention", "relative_attention", "lkca", "lkca_gated", "pooling"]
)
def test_tokens_of_another_grid_are_refused(made: str) -> None:
    with pytest.raises(ValueError, match="grid of 3 x 5"):
        MADE[made]()(torch.zeros(1, GRID[0] * GRID[1] + 2, WIDTH))


MASKS = {
    "none": None,
    "bool": ~torch.eye(9, dtype=torch.bool),
    "float": torch.linspace(-2, 2, 3 * 9 * 9).view(3, 9, 9),
}


@pytest.mark.parametrize("kind", MASKS)
def test_attention_in_bfloat16_is_attention_to_rounding(kind: str) -> None:
    mask = MASKS[kind]
    qkv = torch.randn(3, 2, 3, 9, 8).bfloat16()

    def results(dtype: torch.dtype) -> list[Tensor]:
        leaf = qkv.to(dtype).requires_grad_()
        bias = mask.to(dtype) if mask is not None and mask.is_floating_point() else mask
        mixed = softmax_attention(*leaf, Drop(0.0, per_image=False), mask=bias, scale=0.5)
        return [mixed, *torch.autograd.grad(mixed.square().sum(), leaf)]

    for rounded, exact in zip(results(torch.bfloat16), results(torch.float64), strict=True):
        assert rounded.dtype == torch.bfloat16
        assert (rounded - exact).abs().max() < 0.02 * exact.abs().max()


def test_attention_in_bfloat16_drops_weights_and_keeps_their_mean() -> None:
    q, k = torch.zeros(2, 1, 1, 1000, 4).bfloat16()
    value = torch.ones(1, 1, 1000, 1).bfloat16()
    dropped = softmax_attention(q, k, value, Drop(0.25, per_image=False).train()).float()
    assert dropped.std() > 0.01
    assert dropped.mean() == pytest.approx(1, abs=0.01)
