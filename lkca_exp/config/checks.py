"""What a configuration must keep to, beyond the types: the rules of single keys (stated in schema.py) and the relations
between keys. Imports no torch, so that a mistake is answered at once."""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Iterator

from lkca_exp.config.derive import DataFacts, Derived, derive
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, LkcaConfig


def check(config: Config, facts: DataFacts) -> Derived:
    """Check every rule and return the values that follow from `config`.

    Raises:
        ConfigError: at the first rule that is broken.
    """
    for name, field, value in keys(config):
        check_key(name, field, value)
    derived = derive(config, facts)
    for relation in (
        _options,
        _study,
        _data,
        _augment,
        _unread,
        _patches,
        _heads,
        _kernel,
        _positions,
        _schedule,
        _devices,
    ):
        relation(config, derived, facts)
    return derived


def keys(settings: object, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field, object]]:
    """Every key below `settings`: dotted name, field, value."""
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from keys(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field, value


BOUNDS = {
    "at_least": ("at least", lambda value, bound: value >= bound),
    "above": ("above", lambda value, bound: value > bound),
    "at_most": ("at most", lambda value, bound: value <= bound),
    "below": ("below", lambda value, bound: value < bound),
}


def check_key(name: str, field: dataclasses.Field, value: object) -> None:
    """Hold one value against its key's choices and bounds."""
    rule = field.metadata
    if value is None or not rule:
        return
    choices = rule.get("choices", ())
    if choices and value not in choices:
        raise ConfigError(name, value, f"{name} is one of: {', '.join(choices)}.", did_you_mean(str(value), choices))
    bounds = {bound: rule[bound] for bound in BOUNDS if bound in rule}
    if not bounds:
        return
    assert isinstance(value, int | float)
    if not math.isfinite(value) or not all(BOUNDS[bound][1](value, limit) for bound, limit in bounds.items()):
        stated = " and ".join(f"{BOUNDS[bound][0]} {limit:g}" for bound, limit in bounds.items())
        raise ConfigError(name, value, f"{name} ({rule['help']}) must be {stated}.")


def _options(config: Config, derived: Derived, facts: DataFacts) -> None:
    """The name of an option is what its group was chosen by, and cannot be changed alone."""
    for group, schemas in GROUP_SCHEMAS.items():
        option = operator.attrgetter(group.replace("/", "."))(config)
        if type(option) is not schemas.get(option.name):
            key = group.replace("/", ".") + ".name"
            chosen = next(name for name, schema in schemas.items() if schema is type(option))
            rule = f"{group}={chosen} was chosen, which has other keys."
            wish = option.name if option.name in schemas else "|".join(schemas)
            raise ConfigError(key, option.name, rule, f"Choose with {group}={wish}.")


def _study(config: Config, derived: Derived, facts: DataFacts) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", config.study):
        raise ConfigError(
            "study",
            config.study,
            "A study is the name of one folder: letters, digits and . _ + - only.",
            f"Try study={re.sub(r'[^A-Za-z0-9_.+-]+', '_', config.study).strip('._+-') or 'my_study'}.",
        )


def _data(config: Config, derived: Derived, facts: DataFacts) -> None:
    data, most = config.data, facts.min_images_per_class
    if data.archive is not None and facts.part_of:
        raise ConfigError(
            "data.archive",
            data.archive,
            f"{facts.name} comes with {facts.part_of}, so that nothing would read it.",
            "Leave it at null.",
        )
    if data.images_per_class is not None and data.fraction != 1:
        raise ConfigError(
            "data.fraction",
            data.fraction,
            f"data.images_per_class={data.images_per_class} already says how much of the data is used.",
            "Give one of the two.",
        )
    if data.images_per_class is not None and data.images_per_class > most:
        raise ConfigError(
            "data.images_per_class",
            data.images_per_class,
            f"The rarest class of {facts.name} has {most} training images.",
            f"Give at most {most}.",
        )
    if data.fraction * most < 1:
        raise ConfigError(
            "data.fraction",
            data.fraction,
            f"Not one image of the rarest class of {facts.name} would be left.",
            f"Give at least {math.ceil(1e5 / most) / 1e5:g}.",
        )


def _augment(config: Config, derived: Derived, facts: DataFacts) -> None:
    augment = config.augment
    if augment.erase_min_area > augment.erase_max_area:
        raise ConfigError(
            "augment.erase_min_area",
            augment.erase_min_area,
            f"The smallest area must not be above the largest, augment.erase_max_area={augment.erase_max_area:g}.",
        )
    if augment.mix_probability and not augment.cutmix_alpha and not augment.mixup_alpha:
        raise ConfigError(
            "augment.mix_probability",
            augment.mix_probability,
            "Both ways of mixing are off: augment.cutmix_alpha and augment.mixup_alpha are 0.",
            "Set one of them to 1, or augment.mix_probability to 0.",
        )
    if augment.cutout_px > 2 * facts.image_size:
        raise ConfigError(
            "augment.cutout_px",
            augment.cutout_px,
            f"A square of twice the image side ({facts.image_size}) already blanks everything.",
            f"Half the side is usual: {facts.image_size // 2}.",
        )


AUGMENT_SWITCHES = {
    "policy_": ("policy=auto, rand or trivial", lambda augment: augment.policy != "none"),
    "auto_": ("policy=auto", lambda augment: augment.policy == "auto"),
    "rand_": ("policy=rand", lambda augment: augment.policy == "rand"),
    "erase_": ("erase_probability above 0", lambda augment: augment.erase_probability > 0),
    **dict.fromkeys(
        ("cutmix_", "mixup_", "mix_per_"), ("mix_probability above 0", lambda augment: augment.mix_probability > 0)
    ),
}
"""Prefix of keys in `augment` -> what must be chosen for them to be read, and whether it is."""


def _unread(config: Config, derived: Derived, facts: DataFacts) -> None:
    """A key of an augmentation that is off stays at its default: nothing would read another value."""
    for field in dataclasses.fields(config.augment):
        value = getattr(config.augment, field.name)
        for prefix, (needed, is_on) in AUGMENT_SWITCHES.items():
            if field.name.startswith(prefix) and value != field.default and not is_on(config.augment):
                default = "null" if field.default is None else field.default
                raise ConfigError(
                    f"augment.{field.name}",
                    value,
                    f"Nothing would read it: it needs augment.{needed}.",
                    f"Choose that, or leave augment.{field.name}={default}.",
                )


def _patches(config: Config, derived: Derived, facts: DataFacts) -> None:
    if facts.image_size % derived.patch_size:
        fitting = [side for side in range(1, facts.image_size + 1) if facts.image_size % side == 0]
        raise ConfigError(
            "model.patch_size",
            derived.patch_size,
            f"Patches must tile the {facts.image_size} x {facts.image_size} pixels of {facts.name}.",
            f"Sides that do: {', '.join(map(str, fitting))}.",
        )


def _heads(config: Config, derived: Derived, facts: DataFacts) -> None:
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


def _kernel(config: Config, derived: Derived, facts: DataFacts) -> None:
    mixer = config.model.mixer
    if not isinstance(mixer, LkcaConfig):
        return
    kernel, side = derived.kernel_size, derived.grid[0]
    largest = 2 * side - 1
    assert kernel is not None
    if kernel > largest:
        raise ConfigError(
            "model.mixer.kernel_size",
            kernel,
            f"On {side} x {side} tokens a kernel of side {largest} (2n-1) already joins every two of them.",
            f"Give an odd side up to {largest}, or null for {largest}.",
        )
    if kernel % 2 == 0:
        raise ConfigError(
            "model.mixer.kernel_size",
            kernel,
            "The side of a kernel is odd, so that it has a centre.",
            f"Try {kernel - 1} or {kernel + 1}.",
        )
    if mixer.num_heads is not None and mixer.sharing != "head":
        raise ConfigError(
            "model.mixer.num_heads",
            mixer.num_heads,
            f"With model.mixer.sharing={mixer.sharing} there are no heads, so nothing would read it.",
            "Leave it at null, or choose model.mixer.sharing=head.",
        )
    if config.model.pooling == "class_token":
        raise ConfigError(
            "model.pooling",
            config.model.pooling,
            "LKCA mixes a grid of tokens, in which a class token has no place.",
            "Choose model.pooling=mean (for every model that you compare).",
        )


def _positions(config: Config, derived: Derived, facts: DataFacts) -> None:
    if config.model.positions == "sincos" and derived.width % 4:
        raise ConfigError(
            "model.positions",
            "sincos",
            f"Two sines and two cosines share the channels, so model.width ({derived.width}) must be a multiple of 4.",
            "Change model.width, or choose model.positions=learned.",
        )


def _schedule(config: Config, derived: Derived, facts: DataFacts) -> None:
    if derived.warmup_epochs >= config.epochs:
        raise ConfigError(
            "optim.warmup_epochs",
            derived.warmup_epochs,
            f"The warm-up must end before the training does (epochs={config.epochs}).",
            "Leave it at null for a tenth of the epochs.",
        )


def _devices(config: Config, derived: Derived, facts: DataFacts) -> None:
    trainer = config.trainer
    if config.batch_size % trainer.devices:
        raise ConfigError(
            "batch_size",
            config.batch_size,
            f"The batch is shared by {trainer.devices} devices in equal parts (trainer.devices).",
            f"Try {-(-config.batch_size // trainer.devices) * trainer.devices}.",
        )
    if trainer.devices > 1 and trainer.strategy != "ddp":
        raise ConfigError(
            "trainer.devices",
            trainer.devices,
            "Several devices need a strategy that joins them.",
            "Choose trainer=ddp.",
        )
    if trainer.devices > 1 and trainer.jobs_per_gpu > 1:
        raise ConfigError(
            "trainer.jobs_per_gpu",
            trainer.jobs_per_gpu,
            f"A job on several GPUs (trainer.devices={trainer.devices}) has them for itself.",
            "Leave it at 1.",
        )
    if trainer.fast_run and trainer.overfit_batches:
        raise ConfigError(
            "trainer.overfit_batches",
            trainer.overfit_batches,
            "A fast run has one epoch, too short to overfit.",
            "Choose trainer=debug or trainer=debug_overfit.",
        )
