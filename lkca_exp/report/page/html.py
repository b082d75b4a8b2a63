"""How the report's templates become HTML."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

FILES = Path(__file__).parent / "templates"


def environment() -> Environment:
    """Of the files in `templates/`: values are text unless they say otherwise, and one that is missing is an error."""
    return Environment(
        loader=PackageLoader("lkca_exp.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def ours(name: str) -> Markup:
    """A style sheet or script of ours, as it is."""
    return Markup((FILES / name).read_text(encoding="utf-8"))
