"""What a model's keys must keep to, among themselves and with the data set. Imports no torch."""

from __future__ import annotations

from lkca_exp.config.derive import DataFacts, Derived, VitDerived
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.schema import (
    AttentionConfig,
    ConvolutionEmbeddingConfig,
    KernelConfig,
    LkcaConfig,
    LocalityAttentionConfig,
    ModelConfig,
    PoolingConfig,
    ShiftedEmbeddingConfig,
    TimmConfig,
    VitConfig,
    VitPytorchConfig,
)
from lkca_exp.config.timm_names import timm_names
from lkca_exp.config.vit_pytorch_families import FAMILIES, arguments

TAKE_A_CLASS_TOKEN = (AttentionConfig, LocalityAttentionConfig)
"""The mixers that mix any tokens; the others mix a grid, or nothing."""


def check_model(model: ModelConfig, derived: Derived, facts: DataFacts) -> None:
    """Check every relation that holds for this kind of model.

    Raises:
        ConfigError: at the first rule that is broken.
    """
    if isinstance(model, TimmConfig):
        _timm(model, facts)
    if isinstance(model, VitPytorchConfig):
        _vit_pytorch(model, facts)
    if isinstance(model, VitConfig):
        assert isinstance(derived, VitDerived)
        _patches(derived.patch_size, facts)
        _embedding(model, derived)
        _heads(derived)
        _kernel(model, derived)
        _class_token(model, derived)
        _positions(model, derived)


def _patches(patch_size: int, facts: DataFacts) -> None:
    if facts.image_size % patch_size:
        raise ConfigError(
            "model.patch_size",
            patch_size,
            f"Patches must tile the {facts.image_size} x {facts.image_size} pixels of {facts.name}.",
            f"Sides that do: {_divisors(facts.image_size)}.",
        )


def _embedding(model: VitConfig, derived: VitDerived) -> None:
    side, embedding = derived.patch_size, model.embedding
    if isinstance(embedding, ShiftedEmbeddingConfig) and side == 1:
        raise ConfigError(
            "model.patch_size", side, "model/embedding=shifted shifts by half a patch.", "Give at least 2."
        )
    if not isinstance(embedding, ConvolutionEmbeddingConfig):
        return
    if side < 2 or side & (side - 1):
        raise ConfigError(
            "model.patch_size",
            side,
            "Each layer of model/embedding=convolution halves the image, so the side of a patch is a power of 2.",
            "Give 2 for one layer, 4 for two.",
        )
    if embedding.kernel_size % 2 == 0:
        raise ConfigError(
            "model.embedding.kernel_size",
            embedding.kernel_size,
            "The side of a kernel is odd, so that it has a centre.",
            f"Try {embedding.kernel_size - 1} or {embedding.kernel_size + 1}.",
        )


def _heads(derived: VitDerived) -> None:
    num_heads = derived.num_heads
    if num_heads is not None and derived.width % num_heads:
        fitting = [heads for heads in range(1, derived.width + 1) if derived.width % heads == 0]
        near = sorted(sorted(fitting, key=lambda heads: abs(heads - num_heads))[:3])
        raise ConfigError(
            "model.mixer.num_heads",
            num_heads,
            f"The heads must divide model.width, which is {derived.width}.",
            f"Nearest: {', '.join(map(str, near))}.",
        )


def _kernel(model: VitConfig, derived: VitDerived) -> None:
    mixer, kernel, side = model.mixer, derived.kernel_size, derived.grid[0]
    if not isinstance(mixer, KernelConfig | PoolingConfig):
        return
    largest = 2 * side - 1
    assert kernel is not None
    if kernel > largest:
        raise ConfigError(
            "model.mixer.kernel_size",
            kernel,
            f"On {side} x {side} tokens a kernel of side {largest} (2n-1) already joins every two of them.",
            f"Give an odd side up to {largest}"
            + ("." if isinstance(mixer, PoolingConfig) else f", or null for {largest}."),
        )
    if kernel % 2 == 0:
        raise ConfigError(
            "model.mixer.kernel_size",
            kernel,
            "The side of a kernel is odd, so that it has a centre.",
            f"Try {kernel - 1} or {kernel + 1}.",
        )
    if isinstance(mixer, KernelConfig) and mixer.num_heads is not None and mixer.sharing != "head":
        raise ConfigError(
            "model.mixer.num_heads",
            mixer.num_heads,
            f"With model.mixer.sharing={mixer.sharing} there are no heads, so nothing would read it.",
            "Leave it at null, or choose model.mixer.sharing=head.",
        )
    if isinstance(mixer, LkcaConfig) and mixer.value_bias and not mixer.projections:
        raise ConfigError(
            "model.mixer.value_bias",
            mixer.value_bias,
            "With model.mixer.projections=false there is no value map, so nothing would read it.",
            "Leave it at false, or choose model.mixer.projections=true.",
        )


def _class_token(model: VitConfig, derived: VitDerived) -> None:
    if model.pooling == "class_token" and not isinstance(model.mixer, TAKE_A_CLASS_TOKEN):
        mixer = "LKCA" if isinstance(model.mixer, LkcaConfig) else model.mixer.name
        raise ConfigError(
            "model.pooling",
            model.pooling,
            f"{mixer} mixes a grid of tokens, in which a class token has no place.",
            "Choose model.pooling=mean (for every model that you compare).",
        )
    if isinstance(model.mixer, LocalityAttentionConfig) and derived.grid == (1, 1) and model.pooling != "class_token":
        raise ConfigError(
            "model.patch_size",
            derived.patch_size,
            "With locality_attention a token looks at all tokens but itself, and here is only one.",
            "Give smaller patches.",
        )


def _positions(model: VitConfig, derived: VitDerived) -> None:
    if model.positions == "sincos" and derived.width % 4:
        raise ConfigError(
            "model.positions",
            "sincos",
            f"Two sines and two cosines share the channels, so model.width ({derived.width}) must be a multiple of 4.",
            "Change model.width, or choose model.positions=learned.",
        )


SET_BY_US = {
    "num_classes": "data",
    "in_chans": "data",
    "img_size": "data",
    "patch_size": "model.patches_per_side",
    "drop_path_rate": "model.drop_path",
}
"""Arguments of timm's that follow from other keys -> which."""


def _timm(model: TimmConfig, facts: DataFacts) -> None:
    if model.name not in timm_names():
        raise ConfigError("model.name", model.name, "timm has no such model.", did_you_mean(model.name, timm_names()))
    for name in model.options:
        if name in SET_BY_US:
            raise ConfigError(
                f"model.options.{name}", model.options[name], f"It follows from {SET_BY_US[name]}.", "Leave it out."
            )
    patches = model.patches_per_side
    if patches is not None and facts.image_size % patches:
        raise ConfigError(
            "model.patches_per_side",
            patches,
            f"Patches must tile the {facts.image_size} x {facts.image_size} pixels of {facts.name}.",
            f"Numbers that do: {_divisors(facts.image_size)}.",
        )


def _vit_pytorch(model: VitPytorchConfig, facts: DataFacts) -> None:
    family, known = FAMILIES[model.family], arguments(model.family)
    for name, value in model.options.items():
        if name in family.from_data:
            raise ConfigError(f"model.options.{name}", value, "It follows from data.", "Leave it out.")
        if name not in known:
            rule = f"vit-pytorch's {family.class_name} has no such argument."
            remedy = did_you_mean(name, set(known) - set(family.from_data))
            raise ConfigError(f"model.options.{name}", value, rule, remedy)
    given = {*family.from_data, *model.options}
    missing = [name for name, default in known.items() if default is ... and name not in given]
    if missing:
        rule = f"vit-pytorch's {family.class_name} needs further arguments: {', '.join(missing)}."
        raise ConfigError("model.family", model.family, rule, f"Give them as +model.options.{missing[0]}=VALUE.")
    if facts.channels != 3 and not family.any_channels:
        rule = f"vit-pytorch's {family.class_name} takes images of 3 channels, and {facts.name} has {facts.channels}."
        fitting = ", ".join(name for name in FAMILIES if FAMILIES[name].any_channels)
        raise ConfigError("model.family", model.family, rule, f"Families for any number: {fitting}.")
    if model.family == "twins_svt":
        _twins(model, facts)


def _twins(model: VitPytorchConfig, facts: DataFacts) -> None:
    """Each of four stages divides the tokens before it into patches; all but the last have windows of tokens."""
    options, side = {**arguments("twins_svt"), **model.options}, facts.image_size
    for stage in range(1, 5):
        patch_key, window_key = f"s{stage}_patch_size", f"s{stage}_local_patch_size"
        patch, window = options[patch_key], options[window_key]
        if not isinstance(patch, int) or not isinstance(window, int) or patch < 1 or window < 1:
            return  # refused by vit-pytorch
        _tiles(patch_key, patch, stage, side, facts)
        side //= patch
        if stage < 4:
            _tiles(window_key, window, stage, side, facts)


def _tiles(name: str, length: int, stage: int, side: int, facts: DataFacts) -> None:
    if side % length:
        size = f"{facts.image_size} x {facts.image_size} pixels"
        rule = f"Of {size} stage {stage} has {side} x {side} positions, which squares of side {length} do not tile."
        remedy = f"Sides that do: {_divisors(side)}. Or choose data with larger images."
        raise ConfigError(f"model.options.{name}", length, rule, remedy)


def _divisors(length: int) -> str:
    return ", ".join(str(side) for side in range(1, length + 1) if length % side == 0)
