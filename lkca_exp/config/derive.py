"""Working out the values that follow from the configuration and the facts of the data set."""

from __future__ import annotations

from lkca_exp.config.derived import Derived, or_default
from lkca_exp.config.schema import Config
from lkca_exp.config.specs import DataSpec


def derive(config: Config, facts: DataSpec) -> Derived:
    """Work out every value that `config` leaves to follow from the rest; of the type that its model has."""
    auto = config.augment.policy == "auto"
    common = Derived(
        image_size=facts.image_size,
        channels=facts.channels,
        num_classes=facts.num_classes,
        crop_padding_px=or_default(config.augment.crop_padding_px, facts.image_size // 8),
        mirror=or_default(config.augment.mirror, facts.may_mirror),
        auto_policy=or_default(config.augment.auto_policy, facts.auto_augment) if auto else None,
        warmup_epochs=or_default(config.optim.warmup_epochs, config.epochs / 10),
    )
    return config.model.derive(common, facts)
