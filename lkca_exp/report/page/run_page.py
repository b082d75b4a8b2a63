"""The page of one run: configuration, curves, log, environment and pictures, without any script."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import altair as alt
from altair.utils.schemapi import debug_mode
from jinja2 import Template
from markupsafe import Markup

from lkca_exp.config.schema import GROUP_SCHEMAS, Config
from lkca_exp.report.charts import draw
from lkca_exp.report.charts.chart import Chart, Mean, line_with_band, titled, zoomable
from lkca_exp.report.charts.style import COLOURS, LOOKS, Style
from lkca_exp.report.compare.names import show
from lkca_exp.report.formats import duration, printable
from lkca_exp.report.page.html import environment, ours
from lkca_exp.report.read.analysis import read_extras
from lkca_exp.report.read.load import Run
from lkca_exp.report.sections.inside import curves_chart
from lkca_exp.runs.defaults import with_options
from lkca_exp.runs.format import flatten
from lkca_exp.runs.record import Record, read

MOST_PAGES = 200
"""Of a report of more runs none are written: a page takes a tenth of a second. `--watch` makes them one by one."""
MOST_EPOCHS = 150
LAST_LINES, LAST_BYTES = 40, 20_000
PARTS = {"train": "training", "val": "validation", "test": "test"}
STYLE = {name: Style(COLOURS[n], LOOKS[n][0], LOOKS[n][1]) for n, name in enumerate(PARTS.values())}
PANELS = (
    ("loss", "loss", 1.0, [f"{part}/loss" for part in PARTS]),
    ("top1", "top-1 (%)", 100.0, [f"{part}/top1" for part in PARTS]),
    ("lr", "learning rate", 1.0, ["lr"]),
    ("gradient-norm", "gradient norm before clipping", 1.0, ["train/gradient_norm"]),
)
"""Slug, title, factor and keys of metrics.jsonl."""


@dataclass(frozen=True)
class Facts:
    """Names and values below a heading."""

    heading: str
    entries: Mapping[str, str]


def run_page(run: Run, folder: str, home: str, refresh: bool = False, before: str = "") -> str:
    """The HTML. `folder` and `home` are the addresses of the run's folder and of the report's page, seen from this one;
    with `refresh` the browser asks for a newer one from time to time. What has not changed since the page `before` is
    not drawn again."""
    record = read(run.folder)
    if not isinstance(record, Record):  # was there a moment ago
        record = None
    extras = read_extras(run)
    with debug_mode(False):  # Altair's own checks take longer than all else
        analysed = [curves_chart(curves, run.label, STYLE["training"]) for curves in extras.curves]
        charts = [*run_charts(run), *analysed]
    earlier = draw.drawn_in(before)
    return _template().render(
        run=run,
        title=printable(f"{run.label}, seed {run.seed}"),
        home=home,
        folder=folder,
        refresh=refresh,
        css=ours("page.css"),
        error=record.error.traceback or str(record.error) if record and record.error else run.error,
        charts=[Markup(draw.inline(chart, earlier)) for chart in charts],
        pictures=extras.pictures,
        problems=[*extras.problems, *run.notes, *run.warnings],
        facts=[facts for facts in _facts(run, record) if facts.entries],
        attempts=record.attempts if record else (),
        log=end_of_log(run.folder / "train.log"),
        files=[(name, quote(os.fsencode(name))) for name in _names(run.folder)],
    )


def page_names(runs: Sequence[Run]) -> dict[Path, str]:
    """Folder of a run -> the name of its page; of too many runs none."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for run in runs if len(runs) <= MOST_PAGES else ():
        stem = run.folder.name
        while stem in taken:  # the same run in two studies
            stem += "_"
        taken.add(stem)
        names[run.folder] = f"{stem}.html"
    return names


def run_charts(run: Run) -> list[Chart]:
    """By epoch: loss, accuracy, learning rate and gradient norm, as far as the run has them."""
    charts = (_panel(run, *panel) for panel in PANELS)
    return [chart for chart in charts if chart is not None]


def changed_keys(run: Run) -> dict[str, Any]:
    """The configuration where it is not at the default of the options that it chose; the options themselves."""
    config = {key: value for key, value in run.config.items() if isinstance(value, str) or not key.endswith(".name")}
    chosen = {f"{group.replace('/', '.')}.name": None for group in GROUP_SCHEMAS}
    defaults = with_options(chosen | flatten(asdict(Config())), config)
    return {key: value for key, value in config.items() if key not in defaults or value != defaults[key]}


def end_of_log(path: Path) -> str:
    """The last lines; empty where there is no log."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - LAST_BYTES, 0))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(map(printable, lines[-LAST_LINES:]))


def _panel(run: Run, slug: str, title: str, scale: float, keys: Sequence[str]) -> Chart | None:
    rows = []
    for key in keys:
        name = PARTS.get(key.partition("/")[0], PARTS["train"])
        curve = [(epoch, row[key]) for epoch, row in sorted(run.curve.items()) if key in row]
        every = -(-len(curve) // MOST_EPOCHS)
        kept = curve[(len(curve) - 1) % every :: every] if curve else []
        rows += [Mean(name, scale * value, x=epoch + 1) for epoch, value in kept]
    if not rows:
        return None
    shown = {name: look for name, look in STYLE.items() if any(row.variant == name for row in rows)}
    title = f"{next(iter(shown))} {title}" if len(shown) == 1 < len(keys) else title
    x = alt.X("x:Q", title="epoch", scale=zoomable("x"), axis=alt.Axis(tickMinStep=1, grid=False))
    y = partial(alt.Y, type="quantitative", title=titled(title), scale=zoomable("y"))
    layers = line_with_band(rows, x, y, shown)
    return Chart(slug, titled(title), "", layers, style=shown, legend="always" if len(shown) > 1 else "never")


def _facts(run: Run, record: Record | None) -> list[Facts]:
    machine = {f"device {key}": value for key, value in run.device.items()}
    code = {f"git {key}": value for key, value in run.git.items()}
    times = {"started": run.started, "ended": run.ended, "time": "" if run.seconds is None else duration(run.seconds)}
    head = {
        "command": run.command,
        "study": run.study,
        "id": run.id,
        "group": run.group,
        "reused from": run.reused_from,
    }
    metrics = {key: value for key, value in run.metrics.items() if not (run.is_trial and key.startswith("test/"))}
    results = {**metrics, **run.model, **run.speed, **run.memory}
    return [
        Facts("Results", {key: _number(value) for key, value in results.items()}),
        Facts("Configuration where it is not the default", _texts(changed_keys(run))),
        Facts("Run", _texts({key: value for key, value in {**head, **times}.items() if value})),
        Facts("Data", _texts(record.data if record else {})),
        Facts("Environment", _texts({**machine, **code, **run.versions})),
    ]


def _texts(entries: Mapping[str, Any]) -> dict[str, str]:
    return {printable(key): printable(_text(value)) for key, value in entries.items()}


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else show(value)


def _names(folder: Path) -> list[str]:
    """The files of a run; not those of loggers and of an earlier result."""
    paths = (path for pattern in ("*", "analysis/*", "checkpoints/*") for path in sorted(folder.glob(pattern)))
    return [str(path.relative_to(folder)) for path in paths if path.is_file() and not path.name.startswith(".")]


@cache
def _template() -> Template:
    return environment().get_template("run.html")
