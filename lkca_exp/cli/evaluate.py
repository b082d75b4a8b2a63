"""`python -m lkca_exp.evaluate RUN`: test the weights of a trained run, on its own data or on others that fit; predict
single images; export the model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.cli.arguments import check_writable_file
from lkca_exp.config.errors import ConfigError, short_answers
from lkca_exp.config.schema import PathsConfig
from lkca_exp.engine.evaluate import evaluate
from lkca_exp.runs.find import find_run
from lkca_exp.runs.state import run_state

SPLITS = ("test", "validation", "train")
MOST_LIKELY = 3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m lkca_exp.evaluate",
        description="Test the weights of a trained run, on its data or on others; predict images; export the model.",
    )
    parser.add_argument("run", metavar="RUN", help="its folder, study/name, or the beginning of its name or id")
    parser.add_argument("overrides", nargs="*", metavar="data=NAME", help="another data set; also data.root=DIR, ...")
    parser.add_argument("--split", choices=SPLITS, default=SPLITS[0], help="(%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--images", type=Path, nargs="+", default=[], metavar="FILE", help="predict these images instead"
    )
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="write the model there as ONNX instead")
    parser.add_argument(
        "--runs", type=Path, default=PathsConfig.runs, metavar="DIR", help="folder of the studies (%(default)s)"
    )
    args = parser.parse_intermixed_args(arguments)
    with short_answers():
        check_writable_file("--json", args.json)
        check_writable_file("--onnx", args.onnx)
        folder = find_run(args.run, args.runs)
        if args.images or args.onnx:
            _use(folder, args.images, args.onnx)
            return
        figures = evaluate(run_state(folder), args.split, args.overrides)
    shown = {"top-1": "top1", "top-5": "top5"}
    accuracies = [f"{name} {100 * figures[key]:.2f} %" for name, key in shown.items() if key in figures]
    print(f"{figures['run']}: {figures['images']:,} images of {figures['data']}, {figures['split']}")
    print(", ".join([*accuracies, f"loss {figures['loss']:.4f}"]))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def _use(folder: Path, images: Sequence[Path], onnx: Path | None) -> None:
    """Print the likeliest classes of images, and write the model as ONNX."""
    from PIL import Image

    from lkca_exp.engine.load import load_run

    run = load_run(folder)
    for file in images:
        try:
            with Image.open(file) as image:
                (probabilities,) = run.predict(image).tolist()
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise ConfigError("--images", file, f"It cannot be read as an image ({error}).") from error
        ranked = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])[:MOST_LIKELY]
        names = run.class_names or [str(index) for index in range(len(probabilities))]
        print(f"{file}: " + ", ".join(f"{names[index]} {100 * probabilities[index]:.1f} %" for index in ranked))
    if onnx:
        run.export_onnx(onnx)
        print(f"wrote {onnx}")
