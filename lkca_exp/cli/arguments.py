"""Values of flags that several commands take."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lkca_exp.config.errors import ConfigError


def number(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on")
    return int(text)


def check_writable_file(flag: str, file: Path | None) -> None:
    """Make sure that a file can be written before what it is to hold is worked out.

    Raises:
        ConfigError: if it cannot.
    """
    if file is None:
        return
    folder = file.absolute().parent
    if file.is_dir():
        raise ConfigError(flag, file, "It is a folder, and a file is wanted.", f"Choose another with {flag} FILE.")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        rule = f"{folder} is no folder that may be written."
        raise ConfigError(flag, file, rule, f"Choose another with {flag} FILE.")
