"""The study as a dashboard in W&B: a saved view of the project, and a W&B Report with the answer.

Both show the runs as W&B has them, and what is logged later too. Made again, they are brought up to date: their
addresses are kept beside the report. Written with wandb-workspaces, which comes with the extra `workspaces`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lkca_exp.report.content import Content
from lkca_exp.report.wandb_run import PROJECT, check_server, of_records
from lkca_exp.runs.files import write_atomically
from lkca_exp.runs.wandb_client import client, wanted_mode

ADDRESSES = "wandb_workspace.json"
LONGEST_TITLE = 128  # characters, W&B's own limit
MOST_LINES = 50
"""Variants in a chart; a legend of more is not read."""
MOST_NESTED = 3
MOST_COMMANDS = 20
AXES = ("epoch", "step")


def check_installed() -> None:
    """Raises ValueError without the package."""
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise ValueError(
            "--wandb-workspace needs the package wandb-workspaces, which is not installed; "
            'pip install "lkca-exp[workspaces]"'
        )


def save_workspace(content: Content, answer: str, folder: Path) -> list[str]:
    """Save the view, and a report with `answer` (Markdown), and return their addresses, each in a line; `folder` is
    the report's.

    Raises ValueError without credentials or runs in W&B, and where W&B does not answer or will not have them.
    """
    if (mode := wanted_mode()) != "online":
        raise ValueError(f"--wandb-workspace needs W&B online, and it is {mode}; `wandb login`, and no WANDB_MODE")
    check_server("the same command tries again")
    wandb = client()
    try:
        return _save(content, answer, folder, wandb.Api())
    except wandb.Error as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"W&B: {first_line}") from error


def _save(content: Content, answer: str, folder: Path, api: Any) -> list[str]:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    project = of_records(content, "logger.project") or PROJECT
    entity = of_records(content, "logger.entity") or api.default_entity
    _check_runs(content, api, f"{entity}/{project}")
    path = folder / ADDRESSES
    addresses = json.loads(path.read_text()) if path.exists() else {}
    title = f"Study {' and '.join(content.summary.studies)}"[:LONGEST_TITLE]
    view = _earlier_or_new(ws.Workspace, addresses.get("view"), entity, project)
    view.name, view.sections, view.settings = title, _sections(content), ws.WorkspaceSettings(max_runs=MOST_LINES)
    view.runset_settings = _run_settings(content)
    page = _earlier_or_new(wr.Report, addresses.get("report"), entity, project)
    page.title, page.blocks, page.width = title, _blocks(content, answer, entity, project), "fluid"
    addresses = {"view": view.save().url, "report": page.save().url}
    write_atomically(path, lambda file: file.write_text(json.dumps(addresses)))
    return [f"W&B {kind}: {address}" for kind, address in addresses.items()]


def _check_runs(content: Content, api: Any, project: str) -> None:
    studies = content.summary.studies
    try:
        number = len(api.runs(project, filters={"config.study": {"$in": list(studies)}}, per_page=1))
    except ValueError:  # there is no such project
        number = 0
    if not number:
        rest = "`wandb sync runs/STUDY/*/wandb/offline-*` uploads what was logged offline"
        raise ValueError(f"W&B has no runs of {' or '.join(studies)} in {project}; {rest}")


def _earlier_or_new(kind: Any, address: str | None, entity: str, project: str) -> Any:
    """The view or report at an address; a new one if it is gone, or in another project."""
    try:
        found = kind.from_url(address) if address else None
    except (TypeError, ValueError):  # so the package says that a report, or a view, is not there
        found = None
    if found and (found.entity, found.project) == (entity, project):
        return found
    return kind(entity=entity, project=project)


def _varied(content: Content) -> list[str]:
    """The keys that vary, those that tell variants apart first."""
    return list(dict.fromkeys([*content.summary.shown, *content.summary.apart]))


def _groups(content: Content) -> list[str]:
    """What makes a variant in W&B: a few keys, by their values; else the job type, which is the record's group."""
    varied = [f"config.{key}" for key in _varied(content)]
    return varied if 0 < len(varied) <= MOST_NESTED else ["run.jobType"]


def _filters(content: Content) -> Any:
    """The runs of the studies. The report's own run in W&B has no configuration."""
    from wandb_workspaces import expr

    return expr.And(expr.Config("study").isin(list(content.summary.studies)))


def _columns(content: Content) -> list[str]:
    """Of the table of runs, as W&B addresses them: a nested key of `config` has `value` behind its first part."""
    keys = [key.partition(".") for key in [*_varied(content), "seed"]]
    config = [f"config:{first}.value{dot}{rest}" for first, dot, rest in keys]
    return ["run:displayName", *config, *(f"summary:{name}" for name in _results(content))]


def _results(content: Content) -> list[str]:
    """The metric compared and the costs, as they stand in the summaries of W&B's runs."""
    return [content.summary.metric.key, "parameters", "flops_per_image", "train_images_per_s", "test_images_per_s"]


def _run_settings(content: Content) -> Any:
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    kinds: dict[str, Any] = {"config": expr.Config, "run": expr.Metric}
    groups = [group.partition(".") for group in _groups(content)]
    return ws.RunsetSettings(
        filters=_filters(content),
        groupby=[kinds[kind](name) for kind, _, name in groups],
        order=[_best_first(content, expr.Ordering, expr.Summary)],
        pinned_columns=_columns(content),
    )


def _best_first(content: Content, ordering: Any, summary: Any) -> Any:
    metric = content.summary.metric
    return ordering(summary(metric.key), ascending=not metric.higher_is_better)


def _sections(content: Content) -> list[Any]:
    import wandb_workspaces.workspaces as ws

    return [
        ws.Section(name="Accuracy and cost", panels=_costs(content), is_open=True),
        ws.Section(name="Curves", panels=_curves(content), is_open=True),
    ]


def _curves(content: Content) -> list[Any]:
    """A chart for every number of the epochs' rows, accuracies first: each variant's mean over its seeds, and a band of
    one standard deviation."""
    import wandb_workspaces.reports.v2 as wr

    names = dict.fromkeys(name for run in content.summary.runs for row in run.curve.values() for name in row)
    shown = sorted((name for name in names if name not in AXES), key=lambda name: not name.endswith("top1"))
    return [
        wr.LinePlot(
            title=name,
            x="epoch",
            y=[name],
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            max_runs_to_show=MOST_LINES,
        )
        for name in shown
    ]


def _costs(content: Content) -> list[Any]:
    """The metric against parameters and throughput, by variant, and along the keys that vary."""
    import wandb_workspaces.reports.v2 as wr

    metric = wr.SummaryMetric(content.summary.metric.key)
    title = content.summary.metric.full_name
    panels: list[Any] = [
        wr.ScatterPlot(title=f"{title} against {words}", x=wr.SummaryMetric(key), y=metric, log_x=True)
        for key, words in {"parameters": "parameters", "train_images_per_s": "training images per second"}.items()
    ]
    panels.append(
        wr.BarPlot(
            title=f"{title}, mean and standard deviation",
            metrics=[metric],
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            max_runs_to_show=MOST_LINES,
            max_bars_to_show=MOST_LINES,
        )
    )
    if varied := _varied(content):
        axes: list[Any] = [*(wr.Config(key) for key in varied), metric]
        panels.append(
            wr.ParallelCoordinatesPlot(
                title=f"{title} by what varies", columns=[wr.ParallelCoordinatesPlotColumn(axis) for axis in axes]
            )
        )
    return panels


def _blocks(content: Content, answer: str, entity: str, project: str) -> Sequence[Any]:
    import wandb_workspaces.reports.v2 as wr

    runs = wr.Runset(
        entity=entity,
        project=project,
        name=" and ".join(content.summary.studies),
        filters=_filters(content),
        groupby=_groups(content),
        order=[_best_first(content, wr.OrderBy, wr.SummaryMetric)],
        pinned_columns=_columns(content),
    )
    commands = list(dict.fromkeys(run.command for run in content.summary.runs if run.command))
    more = [f"# and {len(commands) - MOST_COMMANDS} more"] if len(commands) > MOST_COMMANDS else []
    folders = dict.fromkeys(os.path.relpath(run.folder.parent) for run in content.summary.runs)
    again = f"python -m lkca_exp.report {' '.join(map(shlex.quote, folders))} --wandb-workspace"
    return [
        wr.H1("Answer"),
        wr.MarkdownBlock(answer),
        wr.H1("Runs"),
        wr.PanelGrid(runsets=[runs], panels=[*_costs(content), *_curves(content)]),
        wr.H1("Commands"),
        wr.CodeBlock("\n".join([*commands[:MOST_COMMANDS], *more, again]), language=None),
    ]
