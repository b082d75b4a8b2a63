"""What a configuration would be without a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lkca_exp.config.schema import GROUP_SCHEMAS, schema_of
from lkca_exp.runs.format import flatten


def with_options(defaults: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """`defaults` with those of the options that `config` chose instead, except for the choice itself."""
    keys = dict(defaults)
    for group in GROUP_SCHEMAS:
        name = f"{group.replace('/', '.')}.name"
        schema = schema_of(group, config[name]) if name in config else None
        if schema is not None and config[name] != defaults[name]:
            keys |= flatten(asdict(schema()), name.removesuffix("name"))
            keys[name] = defaults[name]
    return keys
