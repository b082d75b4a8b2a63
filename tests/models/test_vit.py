"""The whole model over the table of small sizes, mixers, positions and poolings, and its parts at their places."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lkca_exp.config.derive import SIZES
from lkca_exp.config.model_checks import TAKE_A_CLASS_TOKEN
from lkca_exp.config.schema import GROUP_SCHEMAS
from lkca_exp.models.build import build_model, count_parameters
from lkca_exp.models.mixers import MIXERS

SMALL_SIZES = ("xs", "lee2021", "tiny")
MIXER_CONFIGS = GROUP_SCHEMAS["model/mixer"]
TABLE = [
    pytest.param(*choice, id="-".join(choice))
    for choice in product(SMALL_SIZES, MIXERS, ("learned", "sincos", "none"), ("mean", "class_token", "sequence"))
    if choice[3] != "class_token" or MIXER_CONFIGS[choice[1]] in TAKE_A_CLASS_TOKEN
]


@pytest.fixture
def build(describe: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **model: build_model(*describe(*args, **model))


def digits(batch: int = 2) -> Tensor:
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def expected_parameters(size: str, mixer: str, positions: str, pooling: str) -> int:
    """For digits: 4 x 4 tokens of 2 x 2 grey pixels, 10 classes; LKCA with 7 x 7 kernels per channel."""
    width, depth, num_heads, mlp_ratio = SIZES[size]
    mlp_width = int(width * mlp_ratio)
    num_tokens = 16 + (pooling == "class_token")
    attention = 4 * width * width + 4 * width
    mixing = {
        "attention": attention,
        "locality_attention": attention + num_heads,
        "relative_attention": attention + 49 * num_heads,
        "lkca": 49 * width,
        "lkca_gated": 49 * width + 3 * width * width + 3 * width,
        "pooling": 0,
        "identity": 0,
    }[mixer]
    mlp = 2 * width * mlp_width + mlp_width + width
    norms = 2 * 2 * width
    outside = (4 * width + width) + 2 * width + (10 * width + 10) + (num_tokens - 16) * width
    outside += width * (pooling == "sequence")
    return depth * (mixing + mlp + norms) + outside + (positions == "learned") * num_tokens * width


@pytest.mark.parametrize(("size", "mixer", "positions", "pooling"), TABLE)
def test_every_model(size: str, mixer: str, positions: str, pooling: str, build: Callable[..., Any]) -> None:
    choice = {"width": None, "depth": None, "mlp_ratio": None, "positions": positions, "pooling": pooling}
    model = build(mixer, size=size, drop_path=0.1, **choice)
    assert count_parameters(model) == expected_parameters(size, mixer, positions, pooling)

    logits = model.train()(digits())
    assert logits.shape == (2, 10)
    assert logits.isfinite().all()

    model.eval()
    logits = model(digits())
    assert torch.equal(logits, model(digits()))
    nn.functional.cross_entropy(logits, torch.tensor([3, 7])).backward()
    without = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert not without

    twin = build(mixer, size=size, drop_path=0.1, **choice).eval()
    assert not torch.equal(twin(digits()), logits)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(digits()), logits)


@pytest.mark.parametrize("sharing", ["channel", "head", "all"])
def test_views_give_the_same_model(sharing: str, build: Callable[..., Any]) -> None:
    convolution = build("lkca", {"view": "convolution", "sharing": sharing}).double()
    attention = build("lkca", {"view": "attention", "sharing": sharing}).double()
    attention.load_state_dict(convolution.state_dict())
    images = digits(batch=3).double()
    gradients = []
    for model in (convolution, attention):
        model(images).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(convolution(images), attention(images), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "class_token"])
def test_model_step_by_step(pooling: str, build: Callable[..., Any]) -> None:
    model = build("attention", pooling=pooling).double().eval()
    images = digits().double()
    patches = images.unfold(2, 2, 2).unfold(3, 2, 2).reshape(2, 16, 4)
    tokens = patches @ model.patch_embed.projection.weight.T + model.patch_embed.projection.bias
    if pooling == "class_token":
        assert model.class_token is not None
        tokens = torch.cat([model.class_token.expand(2, 1, 24), tokens], dim=1)
    tokens = model.blocks[1](model.blocks[0](tokens + model.positions.embedding))
    pooled = model.norm(tokens)[:, 0] if pooling == "class_token" else model.norm(tokens).mean(dim=1)
    expected = pooled @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(images), expected, rtol=1e-12, atol=1e-12)


def test_intermediates_are_what_the_model_computes(build: Callable[..., Any]) -> None:
    model = build("lkca").eval()
    seen = model.intermediates(digits())
    assert list(seen) == ["tokens", "block_0", "block_1", "norm", "pooled", "logits"]
    assert torch.equal(seen["block_1"], model.blocks[1](seen["block_0"]))
    assert torch.equal(seen["norm"], model.forward_features(digits()))
    assert torch.equal(seen["logits"], model(digits()))


@pytest.mark.parametrize(
    ("depth", "rates"), [(1, [0.0]), (2, [0.0, 0.3]), (4, [0.0, pytest.approx(0.1), pytest.approx(0.2), 0.3])]
)
def test_stochastic_depth_rises_linearly(depth: int, rates: list[float], build: Callable[..., Any]) -> None:
    model = build("lkca", depth=depth, drop_path=0.3)
    assert [block.drop_path.rate for block in model.blocks] == rates


def test_stochastic_depth_acts_in_training_only(build: Callable[..., Any]) -> None:
    model = build("lkca", drop_path=0.9)
    assert not torch.equal(model.train()(digits(8)), model.train()(digits(8)))
    assert torch.equal(model.eval()(digits(8)), model.eval()(digits(8)))


def test_the_hidden_width_is_the_nearest_whole_number(build: Callable[..., Any]) -> None:
    assert [build("lkca", width=6, mlp_ratio=ratio).blocks[0].mlp.expand.out_features for ratio in (1.3, 0.01)] == [
        8,
        1,
    ]


@pytest.mark.parametrize("mixer", MIXERS)
def test_names_in_a_checkpoint(mixer: str, build: Callable[..., Any]) -> None:
    """Stored weights outlive code: a change here breaks every checkpoint."""
    mixing = {
        "attention": ["qkv.weight", "qkv.bias", "output.weight", "output.bias"],
        "lkca": ["kernel"],
        "lkca_gated": [
            *("gate.weight", "gate.bias", "kernel.kernel"),
            *("value.weight", "value.bias", "output.weight", "output.bias"),
        ],
        "pooling": [],
        "identity": [],
    }
    mixing["locality_attention"] = ["scale", *mixing["attention"]]
    mixing["relative_attention"] = ["position_bias", *mixing["attention"]]
    block = [
        *("mixer_norm.weight", "mixer_norm.bias"),
        *(f"mixer.{name}" for name in mixing[mixer]),
        *("mlp_norm.weight", "mlp_norm.bias"),
        *("mlp.expand.weight", "mlp.expand.bias", "mlp.reduce.weight", "mlp.reduce.bias"),
    ]
    expected = [
        *("patch_embed.projection.weight", "patch_embed.projection.bias", "positions.embedding"),
        *(f"blocks.{index}.{name}" for index in range(2) for name in block),
        *("norm.weight", "norm.bias", "head.weight", "head.bias"),
    ]
    assert list(build(mixer).state_dict()) == expected
    assert next(iter(build("attention", pooling="class_token").state_dict())) == "class_token"


def test_the_same_seed_builds_the_same_weights(build: Callable[..., Any]) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build("lkca").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])


@pytest.mark.parametrize("mixer", MIXERS)
def test_linear_layers_start_xavier_uniform(mixer: str, build: Callable[..., Any]) -> None:
    for name, layer in build(mixer, width=64).named_modules():
        if isinstance(layer, nn.Linear):
            assert layer.bias is not None
            bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
            assert layer.bias.eq(0).all(), name
            assert 0.9 * bound < layer.weight.abs().max() <= bound, name
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1), name


def test_the_class_token_starts_small(build: Callable[..., Any]) -> None:
    token = build("attention", width=768, pooling="class_token").class_token
    assert token.std().item() == pytest.approx(0.02, rel=0.1)


def test_unknown_pooling_is_refused(build: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"pooling='max'.*mean, class_token, sequence"):
        build("attention", pooling="max")


@pytest.mark.parametrize("mixer", ["lkca", "lkca_gated", "relative_attention", "pooling"])
def test_a_class_token_has_no_place_in_a_grid(mixer: str, build: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"class token has no|grid of 4 x 4"):
        build(mixer, pooling="class_token")(digits())


@pytest.mark.parametrize("mixer", MIXERS)
def test_autocast_trains_float32_weights(mixer: str, build: Callable[..., Any]) -> None:
    model = build(mixer)
    exact = model(digits())
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(digits())
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), exact, rtol=0.05, atol=0.02)
    logits.float().square().sum().backward()
    assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}


def test_sequence_pooling_is_a_mean_with_weights_from_the_tokens(build: Callable[..., Any]) -> None:
    model = build("attention", pooling="sequence").double().eval()
    tokens = model.forward_features(digits().double())
    assert model.sequence_pool is not None
    scores = (tokens * model.sequence_pool.score.weight[0]).sum(dim=-1).exp()
    expected = (tokens * (scores / scores.sum(dim=1, keepdim=True))[..., None]).sum(dim=1)
    torch.testing.assert_close(model.intermediates(digits().double())["pooled"], expected, rtol=1e-12, atol=1e-12)
