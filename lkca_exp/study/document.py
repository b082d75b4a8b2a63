"""A README with parts that are written for it, between hand-written ones that stay:

    <!-- study: table variants -->
    the results of the records
    <!-- /study -->

The words of the first line say what belongs there; `parts.py` knows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PART = re.compile(r"<!-- study: ([^\n]+?) -->\n(.*?)<!-- /study -->", re.DOTALL)
MARK = re.compile(r"<!-- /?study\b")


def parts(text: str) -> dict[str, str]:
    """What each part is called -> what stands in it.

    Raises:
        ValueError: for a mark without its counterpart, or the same part twice.
    """
    matches = PART.findall(text)
    names = [name for name, _ in matches]
    if len(MARK.findall(text)) != 2 * len(matches) or any(MARK.search(body) for _, body in matches):
        raise ValueError("a part begins with <!-- study: WHAT --> and ends with <!-- /study -->, each on a line")
    if len(set(names)) < len(names):
        raise ValueError(f"the same part twice: {', '.join(sorted(name for name in names if names.count(name) > 1))}")
    return dict(matches)


def filled(text: str, write: Callable[[str, str], str]) -> str:
    """The text with what `write` makes of the name of each part and of what stands in it."""
    return PART.sub(lambda part: wrapped(part[1], write(part[1], part[2])), text)


def wrapped(name: str, body: str) -> str:
    """A part as it stands in the text."""
    return f"<!-- study: {name} -->\n{body}<!-- /study -->"
