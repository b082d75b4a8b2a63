"""Where a run happened: the command, the versions, the state of the code."""

from __future__ import annotations

import functools
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "timm",
    "vit-pytorch",
    "hydra-core",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "lkca-exp",
)


def command_line() -> str:
    """The command of this process, as it would be typed."""
    program = Path(sys.argv[0])
    room = program.parent.name
    module = room if room == "lkca_exp" else f"lkca_exp.{room}"
    start = ["python", "-m", module] if program.name == "__main__.py" else [program.name]
    return shlex.join([*start, *sys.argv[1:]])


@functools.cache
def versions() -> dict[str, str]:
    """Python and the packages that a result can depend on."""
    known = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return known


@functools.cache
def git_state() -> dict[str, str | bool | None]:
    """Commit of the checkout that this package is run from, and whether it was changed since; None where the package
    is not under git."""
    package = Path(__file__).resolve().parents[1]
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    changes = _git(package.parent, "status", "--porcelain", "--", "lkca_exp", "conf")
    return {"commit": _git(package, "rev-parse", "HEAD"), "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
