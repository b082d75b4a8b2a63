"""One file a kind of archive: from what a data set's authors ship to arrays."""

from pkgutil import resolve_name

from lkca_exp.config.specs import SPECS
from lkca_exp.data.sources.base import Source

SOURCES: dict[str, Source] = {name: resolve_name(spec.source)(spec) for name, spec in SPECS.items()}
