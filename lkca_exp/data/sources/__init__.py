"""One file a kind of archive: from what a data set's authors ship to arrays."""

from pkgutil import resolve_name

from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import FOLDER, SPECS
from lkca_exp.data.sources.base import Source
from lkca_exp.data.sources.folder import Folder

SOURCES: dict[str, Source] = {name: resolve_name(spec.source)(spec) for name, spec in SPECS.items()}


def source_of(data: DataConfig) -> Source:
    """The source of the data set that is configured.

    Raises:
        ConfigError: if it is a folder of images that cannot be read as one.
    """
    return Folder(data) if data.name == FOLDER else SOURCES[data.name]
