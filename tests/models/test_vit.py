"""The whole model over the table of small sizes, mixers, positions and poolings, and its parts at their places."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lkca_exp.config.schema import GROUP_SCHEMAS
from lkca_exp.config.schema.sizes import SIZES
from lkca_exp.models.build import build_model, count_parameters

MIXING_PARAMETERS: dict[str, Callable[[int, int], int]] = {
    "attention": lambda width, heads: 4 * width * width + 4 * width,
    "locality_attention": lambda width, heads: 4 * width * width + 4 * width + heads,
    "relative_attention": lambda width, heads: 4 * width * width + 4 * width + 49 * heads,
    "lkca": lambda width, heads: 49 + 2 * width * width + width,
    "lkca_depthwise": lambda width, heads: 49 * width,
    "lkca_gated": lambda width, heads: 49 * width + 3 * width * width + 3 * width,
    "pooling": lambda width, heads: 0,
    "identity": lambda width, heads: 0,
}
"""Parameters of a mixer by its channels and heads, of 4 x 4 tokens, worked out by hand."""
SMALL_SIZES = ("xs", "lee2021", "tiny")
MIXERS = GROUP_SCHEMAS["model/mixer"]
POSITIONS, POOLINGS = ("learned", "sincos", "none"), ("mean", "class_token", "sequence")
TABLE = [
    pytest.param(*choice, id="-".join(choice))
    for choice in product(SMALL_SIZES, MIXING_PARAMETERS, POSITIONS, POOLINGS)
    if choice[3] != "class_token" or MIXERS[choice[1]].takes_class_token
]


@pytest.fixture
def build(describe: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, seed=0, **model: build_model(*describe(*args, **model), seed)


def digits(batch: int = 2) -> Tensor:
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def expected_parameters(size: str, mixer: str, positions: str, pooling: str) -> int:
    """For digits: 4 x 4 tokens of 2 x 2 grey pixels, 10 classes; kernels of 7 x 7."""
    width, depth, num_heads, mlp_ratio = SIZES[size]
    mlp_width = int(width * mlp_ratio)
    num_tokens = 16 + (pooling == "class_token")
    mixing = MIXING_PARAMETERS[mixer](width, num_heads)
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

    with torch.no_grad():  # LKCA's kernel of zeros keeps gradients from its value map
        for name, parameter in model.named_parameters():
            if name.endswith("mixer.kernel") and not parameter.any():
                nn.init.normal_(parameter, std=0.1)
    model.eval()
    logits = model(digits())
    assert torch.equal(logits, model(digits()))
    nn.functional.cross_entropy(logits, torch.tensor([3, 7])).backward()
    without = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert not without

    twin = build(mixer, seed=1, size=size, drop_path=0.1, **choice).eval()
    assert not torch.equal(twin(digits()), logits)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(digits()), logits)


@pytest.mark.parametrize("sharing", ["channel", "head", "all"])
def test_views_give_the_same_model(sharing: str, build: Callable[..., Any]) -> None:
    options = {"sharing": sharing, "init": "uniform"}
    convolution = build("lkca", {"view": "convolution", **options}).double()
    attention = build("lkca", {"view": "attention", **options}).double()
    attention.load_state_dict(convolution.state_dict())
    images = digits(batch=3).double()
    gradients = []
    for model in (convolution, attention):
        model(images).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(convolution(images), attention(images), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("final_norm", ["before_pooling", "after_pooling"])
@pytest.mark.parametrize("pooling", ["mean", "class_token"])
def test_model_step_by_step(pooling: str, final_norm: str, build: Callable[..., Any]) -> None:
    model = build("attention", pooling=pooling, final_norm=final_norm, norm_epsilon=1e-3).double().eval()
    assert {module.eps for module in model.modules() if isinstance(module, nn.LayerNorm)} == {1e-3}
    nn.init.normal_(model.norm.weight)
    images = digits().double()
    patches = images.unfold(2, 2, 2).unfold(3, 2, 2).reshape(2, 16, 4)
    tokens = patches @ model.patch_embed.projection.weight.T + model.patch_embed.projection.bias
    if pooling == "class_token":
        assert model.class_token is not None
        tokens = torch.cat([model.class_token.expand(2, 1, 24), tokens], dim=1)
    tokens = model.blocks[1](model.blocks[0](tokens + model.positions.embedding))
    if final_norm == "before_pooling":
        tokens = model.norm(tokens)
    pooled = tokens[:, 0] if pooling == "class_token" else tokens.mean(dim=1)
    if final_norm == "after_pooling":
        pooled = model.norm(pooled)
    expected = pooled @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(images), expected, rtol=1e-12, atol=1e-12)


def test_intermediates_are_what_the_model_computes(build: Callable[..., Any]) -> None:
    model = build("lkca").eval()
    seen = model.intermediates(digits())
    assert list(seen) == ["tokens", "block_0", "block_1", "pooled", "logits"]
    assert torch.equal(seen["block_1"], model.blocks[1](seen["block_0"]))
    assert torch.equal(seen["logits"], model.head(seen["pooled"]))
    assert torch.equal(seen["logits"], model(digits()))


@pytest.mark.parametrize(("schedule", "rates"), [("rising", [0.0, 0.1, 0.2, 0.3]), ("constant", [0.3, 0.3, 0.3, 0.3])])
def test_stochastic_depth_is_as_configured(schedule: str, rates: list[float], build: Callable[..., Any]) -> None:
    model = build("lkca", depth=4, drop_path=0.3, drop_path_schedule=schedule)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx(rates)


def test_stochastic_depth_acts_in_training_only(build: Callable[..., Any]) -> None:
    model = build("lkca_depthwise", drop_path=0.5)
    assert not torch.equal(model.train()(digits(8)), model.train()(digits(8)))
    assert torch.equal(model.eval()(digits(8)), model.eval()(digits(8)))


def test_the_hidden_width_is_the_nearest_whole_number(build: Callable[..., Any]) -> None:
    assert [build("lkca", width=6, mlp_ratio=ratio).blocks[0].mlp.expand.out_features for ratio in (1.3, 0.01)] == [
        8,
        1,
    ]


ATTENTION_NAMES = ["qkv.weight", "qkv.bias", "output.weight", "output.bias"]
MIXING_NAMES = {
    "attention": ATTENTION_NAMES,
    "locality_attention": ["scale", *ATTENTION_NAMES],
    "relative_attention": ["position_bias", *ATTENTION_NAMES],
    "lkca": ["kernel", "value.weight", "output.weight", "output.bias"],
    "lkca_depthwise": ["kernel"],
    "lkca_gated": [
        *("gate.weight", "gate.bias", "kernel.kernel"),
        *("value.weight", "value.bias", "output.weight", "output.bias"),
    ],
    "pooling": [],
    "identity": [],
}


@pytest.mark.parametrize("mixer", MIXING_NAMES)
def test_names_in_a_checkpoint(mixer: str, build: Callable[..., Any]) -> None:
    """Stored weights outlive code: a change here breaks every checkpoint."""
    block = [
        *("mixer_norm.weight", "mixer_norm.bias"),
        *(f"mixer.{name}" for name in MIXING_NAMES[mixer]),
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
    state = torch.get_rng_state()
    first, second, other = (build("lkca_depthwise", seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name in ("head.weight", "blocks.0.mixer.kernel", "positions.embedding"):
        assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("mixer", MIXERS)
def test_equal_parts_of_two_models_start_alike(mixer: str, build: Callable[..., Any]) -> None:
    """Under one seed, whatever else the models have, and however deep they are."""
    one, other = build(mixer, depth=3).state_dict(), build("attention", positions="sincos").state_dict()
    shared = {name for name, tensor in one.items() if name in other and other[name].shape == tensor.shape}
    assert {"patch_embed.projection.weight", "blocks.1.mlp.expand.weight", "head.weight"} <= shared
    assert all(torch.equal(one[name], other[name]) for name in shared)


def test_no_two_parameters_start_alike(build: Callable[..., Any]) -> None:
    weights = [p for p in build("attention", depth=3).parameters() if p.ndim > 1]
    assert len({p.flatten()[:16].detach().numpy().tobytes() for p in weights}) == len(weights)


@pytest.mark.parametrize("init", ["xavier_uniform", "xavier_normal"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_linear_layers_start_from_xaviers_distribution(mixer: str, init: str, build: Callable[..., Any]) -> None:
    for name, layer in build(mixer, width=64, init=init).named_modules():
        if isinstance(layer, nn.Linear):
            std = (2 / (layer.in_features + layer.out_features)) ** 0.5
            largest = layer.weight.abs().max() / std
            assert layer.weight.std().item() == pytest.approx(std, rel=0.1), name
            assert 1.5 < largest <= 3**0.5 if init == "xavier_uniform" else largest > 2, name
            assert layer.bias is None or layer.bias.eq(0).all(), name


def test_positions_and_class_token_start_as_configured(build: Callable[..., Any]) -> None:
    for std in (0.02, 1.0):
        model = build("attention", width=768, pooling="class_token", position_std=std)
        assert model.class_token.std().item() == pytest.approx(std, rel=0.1)
        assert model.positions.embedding.std().item() == pytest.approx(std, rel=0.1)
        assert abs(model.positions.embedding).max() > 2.5 * std  # not truncated


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
    tokens = model.norm(model.intermediates(digits().double())["block_1"])
    assert model.sequence_pool is not None
    scores = (tokens * model.sequence_pool.score.weight[0]).sum(dim=-1).exp()
    expected = (tokens * (scores / scores.sum(dim=1, keepdim=True))[..., None]).sum(dim=1)
    torch.testing.assert_close(model.intermediates(digits().double())["pooled"], expected, rtol=1e-12, atol=1e-12)
