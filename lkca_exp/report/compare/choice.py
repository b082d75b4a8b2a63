"""What the command line chooses: which runs are compared, by what, with what, and how the table is laid out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.names import show
from lkca_exp.report.read.load import Run


@dataclass(frozen=True)
class Choice:
    """`paired` compares seed by seed, where variants share all of them. Differences within `margin`, in the unit of a
    difference, are tested for equivalence. `rows` and `columns` are keys as the user wrote
    them, empty for what suits the runs; `where` holds `key=value` and `key=value,value`. `images`: whether test images
    are shown."""

    baseline: str | None = None
    paired: bool = False
    margin: float | None = None
    metric: str = "test/top1"
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    images: bool = True


def resolve(word: str, keys: Iterable[str]) -> str:
    """The configuration key that a user means: `kernel_size` is `model.mixer.kernel_size`, `data` is `data.name`.

    Raises ValueError for a word that fits no key, or several.
    """
    keys = sorted(set(keys))
    for fits in (
        [key for key in keys if key in (word, f"{word}.name")],
        [key for key in keys if key.endswith((f".{word}", f".{word}.name"))],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise ValueError(f"{word!r} may be {' or '.join(fits)}")
    raise ValueError(f"no run has a key {word!r}; keys are written as in the configuration, like model.mixer.name")


def select(runs: Sequence[Run], where: Iterable[str]) -> list[Run]:
    """The runs that agree with every `key=value`; a key that is null counts as its resolved value.

    Raises ValueError for a condition without `=`, an unknown key, or one that leaves no run.
    """
    kept = list(runs)
    for condition in where:
        word, equals, wanted = condition.partition("=")
        if not equals:
            raise ValueError(f"--where takes key=value, not {condition!r}")
        key = resolve(word, (key for run in runs for key in run.config))
        values = wanted.split(",")
        there = dict.fromkeys(show(run.resolved[key]) for run in kept if key in run.resolved)
        kept = [run for run in kept if key in run.resolved and show(run.resolved[key]) in values]
        if not kept:
            raise ValueError(f"no run has {key}={wanted}; there are {', '.join(there) or 'none'}")
    return kept
