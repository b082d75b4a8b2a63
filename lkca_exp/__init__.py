"""Experiments in small-data vision, from a config to a page that answers.

For programs and notebooks (see docs/python.md):

    Lkca, LkcaDepthwise     the token mixers, as modules
    large_kernel_mix        their operator, as a function
    build_model             a model by its name in conf/model, with fresh weights
    load_run                a trained run: its model, configuration, transform and class names
    load_runs               the results of a study, a row a run

They are imported when they are first asked for, so that `import lkca_exp` does not wait for torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Lkca": "lkca_exp.models.mixers.lkca",
    "LkcaDepthwise": "lkca_exp.models.mixers.lkca",
    "large_kernel_mix": "lkca_exp.models.large_kernel",
    "build_model": "lkca_exp.models.named",
    "load_run": "lkca_exp.engine.load",
    "load_runs": "lkca_exp.runs.table",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
