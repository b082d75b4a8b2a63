"""From the configuration to the augmentation of one run."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from lkca_exp.augment.auto_augment import draw_auto_augment
from lkca_exp.augment.erasing import Erasing
from lkca_exp.augment.mixing import Mixing
from lkca_exp.augment.pipeline import Augmentation, Policy
from lkca_exp.augment.rand_augment import RandAugment
from lkca_exp.augment.trivial_augment import draw_trivial_augment
from lkca_exp.config.derived import Derived
from lkca_exp.config.schema import AugmentConfig


def build_augmentation(config: AugmentConfig, derived: Derived, mean: Sequence[float]) -> Augmentation:
    """`mean` is the data set's, per channel, on a scale of 0 to 1."""
    return Augmentation(
        crop_padding_px=derived.crop_padding_px,
        mirror=derived.mirror,
        policy=_policy(config, derived),
        policy_fill=config.policy_fill,
        policy_pixels=config.policy_pixels,
        erasing=_erasing(config),
        cutout_px=config.cutout_px,
        mixing=_mixing(config),
        mean=tuple(mean),
        num_classes=derived.num_classes,
        repeats=config.repeats,
        passes_per_epoch=config.passes_per_epoch,
    )


def _policy(config: AugmentConfig, derived: Derived) -> Policy | None:
    match config.policy:
        case "auto":
            assert derived.auto_policy is not None
            return functools.partial(draw_auto_augment, derived.auto_policy, pixels=config.policy_pixels)
        case "rand":
            return RandAugment(
                config.rand_num_ops,
                config.rand_magnitude,
                config.rand_magnitude_std,
                config.rand_probability,
                config.policy_pixels,
            ).draw
        case "trivial":
            return functools.partial(draw_trivial_augment, pixels=config.policy_pixels)
        case _:
            return None


def _erasing(config: AugmentConfig) -> Erasing | None:
    if not config.erase_probability:
        return None
    return Erasing(
        config.erase_probability,
        config.erase_min_area,
        config.erase_max_area,
        config.erase_min_aspect,
        config.erase_aspect,
        config.erase_fill,
    )


def _mixing(config: AugmentConfig) -> Mixing | None:
    if not config.mix_probability:
        return None
    return Mixing(config.mix_probability, config.cutmix_alpha, config.mixup_alpha, config.mix_per_image)
