"""What a configuration must keep to, beyond the types: the rules of single keys (stated in schema/) and the relations
between keys. Imports no torch, so that a mistake is answered at once."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import re
from collections.abc import Iterator
from typing import Any

from lkca_exp.config.derive import derive
from lkca_exp.config.derived import Derived
from lkca_exp.config.errors import ConfigError, near_names, show
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, DataConfig, HoldoutConfig, VitConfig, schema_of
from lkca_exp.config.schema.key import LARGEST_SEED
from lkca_exp.config.specs import FOLDER, DataSpec


def check(config: Config, facts: DataSpec) -> Derived:
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
        _folders,
        _seeds,
        _data,
        _augment,
        _unread,
        _schedule,
        _validation,
        _devices,
    ):
        relation(config, derived, facts)
    config.model.check(derived, facts)
    config.optim.check()
    return derived


def keys(settings: object, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field, object]]:
    """Every key below `settings`: dotted name, field, value."""
    for field in fields_of(type(settings)):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from keys(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field, value


@functools.cache
def fields_of(schema: Any) -> tuple[dataclasses.Field, ...]:
    """Its fields, listed once: a sweep asks for them many times."""
    return dataclasses.fields(schema)


LONGEST_NAME = 128
"""Of a study: what W&B takes for a group."""

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
        shown = [show(choice) for choice in choices]
        raise ConfigError(name, value, f"{name} is one of: {', '.join(shown)}.", near_names(show(value), shown))
    bounds = {bound: rule[bound] for bound in BOUNDS if bound in rule}
    if not bounds:
        return
    assert isinstance(value, int | float)
    if not math.isfinite(value) or not all(BOUNDS[bound][1](value, limit) for bound, limit in bounds.items()):
        stated = " and ".join(
            f"{BOUNDS[bound][0]} {limit if limit % 1 == 0 else f'{limit:g}'}" for bound, limit in bounds.items()
        )
        raise ConfigError(name, value, f"{name} ({rule['help']}) must be {stated}.")


def _options(config: Config, derived: Derived, facts: DataSpec) -> None:
    """The name of an option is what its group was chosen by, and cannot be changed alone."""
    for group, schemas in GROUP_SCHEMAS.items():
        if "/" in group and not isinstance(config.model, VitConfig):
            continue  # only our own model has parts to choose
        option = operator.attrgetter(group.replace("/", "."))(config)
        if type(option) is not schema_of(group, option.name):
            key = group.replace("/", ".") + ".name"
            chosen = next(name for name, schema in schemas.items() if schema is type(option))
            rule = f"{group}={chosen} was chosen, which has other keys."
            raise ConfigError(key, option.name, rule, f"Choose with {_choice(group, option.name)}.")


def _choice(group: str, name: str) -> str:
    """What to write for a group to have this name."""
    schemas = GROUP_SCHEMAS[group]
    if name in schemas:
        return f"{group}={name}"
    return f"{group}=timm {group}.name={name}" if schema_of(group, name) else f"{group}={'|'.join(schemas)}"


def _study(config: Config, derived: Derived, facts: DataSpec) -> None:
    if len(config.study) > LONGEST_NAME:
        rule = f"A study is the name of one folder, of at most {LONGEST_NAME} characters."
        raise ConfigError("study", config.study, rule, "Give a shorter one.")
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", config.study):
        raise ConfigError(
            "study",
            config.study,
            "A study is the name of one folder: letters, digits and . _ + - only.",
            f"Try study={re.sub(r'[^A-Za-z0-9_.+-]+', '_', config.study).strip('._+-') or 'my_study'}.",
        )


def _folders(config: Config, derived: Derived, facts: DataSpec) -> None:
    for name, value in (("paths.runs", config.paths.runs), ("data.root", config.data.root)):
        if not value.strip() or "\0" in value:
            raise ConfigError(name, repr(value), f"{name} is the name of a folder.", "The present one is '.'.")
    if config.data.archive is not None and not config.data.archive.strip():
        raise ConfigError("data.archive", "''", "It is the name of a file or folder.", "Leave it at null.")


def _seeds(config: Config, derived: Derived, facts: DataSpec) -> None:
    if config.seed + config.seeds - 1 > LARGEST_SEED:
        rule = f"The last of the seeds from seed={config.seed} on must be at most {LARGEST_SEED}."
        raise ConfigError("seeds", config.seeds, rule, "Begin with a smaller seed.")


def _data(config: Config, derived: Derived, facts: DataSpec) -> None:
    data, most = config.data, facts.min_images_per_class
    if data.archive is not None and facts.part_of:
        raise ConfigError(
            "data.archive",
            data.archive,
            f"{facts.name} comes with {facts.part_of}, so that nothing would read it.",
            "Leave it at null.",
        )
    if data.archive is not None and data.name == FOLDER:
        raise ConfigError("data.archive", data.archive, "With data=folder the images are in data.root.", "Set that.")
    for name in ("image_size", "channels", "test_fraction"):
        value, default = getattr(data, name), getattr(DataConfig, name)
        if data.name != FOLDER and value != default:
            raise ConfigError(f"data.{name}", value, f"Nothing would read it with data={facts.name}.", "Take it out.")
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


def _augment(config: Config, derived: Derived, facts: DataSpec) -> None:
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
    if derived.crop_padding_px > facts.image_size:
        raise ConfigError(
            "augment.crop_padding_px",
            derived.crop_padding_px,
            f"Crops could miss the image, whose side is {facts.image_size}.",
            f"An eighth of the side is usual: {facts.image_size // 8}.",
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


def _unread(config: Config, derived: Derived, facts: DataSpec) -> None:
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


def _schedule(config: Config, derived: Derived, facts: DataSpec) -> None:
    if derived.warmup_epochs >= config.epochs:
        raise ConfigError(
            "optim.warmup_epochs",
            derived.warmup_epochs,
            f"The warm-up must end before the training does (epochs={config.epochs}).",
            "Leave it at null for a tenth of the epochs.",
        )


def _validation(config: Config, derived: Derived, facts: DataSpec) -> None:
    if not isinstance(config.protocol, HoldoutConfig):
        return
    images, share = round(facts.num_train * config.data.fraction), config.protocol.validation_fraction
    if config.data.images_per_class is not None:
        images = config.data.images_per_class * facts.num_classes
    if round(share * images) >= images:
        rule = f"It leaves none of the {images} images to train on."
        raise ConfigError("protocol.validation_fraction", share, rule, f"Give at most {1 - 1 / images:.3g}.")


def _devices(config: Config, derived: Derived, facts: DataSpec) -> None:
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
