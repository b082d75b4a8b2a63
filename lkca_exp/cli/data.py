"""`python -m lkca_exp.data`: fetch data sets, see which ones are here, look at what a run trains on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.cli.arguments import check_writable_file
from lkca_exp.config.errors import ConfigError, did_you_mean, short_answers
from lkca_exp.config.job import compose
from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import SPECS

PREVIEW_IMAGES = 64


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lkca_exp.data", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("fetch", help="download, verify and pack, so that runs can start at once")
    command.add_argument("names", nargs="+", metavar="NAME", help=", ".join(SPECS))
    command.set_defaults(run=lambda args: fetch(*_root_of(args.names, args.root)))
    command = commands.add_parser("list", help="which data sets are here, and in which state")
    command.add_argument("words", nargs="*", metavar="data.root=DIR", help="as --root DIR")
    command.add_argument("--check", action="store_true", help="compute the checksum of every pack")
    command.set_defaults(run=lambda args: show(*_root_of(args.words, args.root), check=args.check))
    for each in commands.choices.values():
        each.add_argument(
            "--root", default=DataConfig.root, metavar="DIR", help="folder of the data sets (%(default)s)"
        )
    command = commands.add_parser("preview", help="a picture of a run's first training batch, augmented")
    command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m lkca_exp")
    command.add_argument("--out", type=Path, default=Path("preview.png"), metavar="FILE", help="(%(default)s)")
    command.set_defaults(run=lambda args: preview(args.overrides, args.out))
    args = parser.parse_args(arguments)
    with short_answers():
        args.run(args)


def fetch(names: Sequence[str], root: str) -> None:
    """Have each data set packed below `root`, one after the other.

    Raises:
        ConfigError: if there is no such data set, or it is unavailable.
    """
    for name in names:
        if name not in SPECS:
            raise ConfigError("data.name", name, "There is no such data set.", did_you_mean(name, SPECS))
    from lkca_exp.data.store import load  # torch, for torchvision's checksums

    for name in names:
        arrays = load(DataConfig(name=name, root=root))
        print(f"{name}: {len(arrays.train)} + {len(arrays.test)} images from {arrays.origin}")


def show(words: Sequence[str], root: str, check: bool) -> None:
    """A table of all data sets; `check`: compute checksums, whatever the files' times say.

    Raises:
        ConfigError: if `words` are not empty, or `root` is no folder.
    """
    if words:
        raise ConfigError("list", words[0], "It takes data.root=DIR and no other word.")
    if Path(root).exists() and not Path(root).is_dir():
        raise ConfigError("data.root", root, "It is not a folder.")
    from lkca_exp.data.listing import table

    table(Path(root), check=check)


def _root_of(words: Sequence[str], root: str) -> tuple[list[str], str]:
    """The words without data.root=DIR, and DIR, or `root` if it is not among them."""
    key = "data.root="
    given = [word.removeprefix(key) for word in words if word.startswith(key)]
    return [word for word in words if not word.startswith(key)], [root, *given][-1]


def preview(overrides: Sequence[str], out: Path) -> None:
    """Draw the first batch of a run's first epoch.

    Raises:
        ConfigError: if the run breaks a rule, its data are unavailable, or `out` cannot be written.
    """
    job = compose(overrides)
    check_writable_file("--out", out)
    from lkca_exp.augment.preview import write_preview
    from lkca_exp.data.prepare import prepare
    from lkca_exp.engine.fit import build_datamodule

    data = prepare(job.config)
    images, targets = next(iter(build_datamodule(job, data).train_loader(lambda: 0)))
    shown = slice(PREVIEW_IMAGES)
    title = " ".join(["python -m lkca_exp", *overrides])
    write_preview(out, images[shown], targets[shown], data.class_names, data.mean, data.std, title)
    print(out)
