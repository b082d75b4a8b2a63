"""The comparison as a run in the W&B project of the studies, of job type `analysis`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lkca_exp.report.charts.draw import svg
from lkca_exp.report.content import Content
from lkca_exp.report.tables.column import Table
from lkca_exp.runs.wandb_client import client, problem_of_server, run_settings, wanted_mode

PROJECT = "lkca_exp"
SECONDS_TO_UPLOAD = 60
LONGEST_TAG = 64  # characters, W&B's own limit


def log_to_wandb(content: Content, folder: Path, page: str) -> str:
    """Log the answer, the tables, the figures and the page, and return where they went: an address, or what to do with
    the files under `folder`. Without credentials W&B is offline; WANDB_MODE says otherwise.

    Raises ValueError where W&B does not answer or will not have them.
    """
    mode = wanted_mode()
    if mode == "online":
        check_server("`WANDB_MODE=offline` keeps what `wandb sync` uploads later")
    wandb = client()
    try:
        return _log(content, folder, page, mode)
    except wandb.Error as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"W&B: {first_line}") from error


def check_server(remedy: str) -> None:
    """Raises ValueError, within two seconds, for a W&B server that does not answer."""
    if problem := problem_of_server():
        raise ValueError(f"W&B does not answer ({problem}), so nothing was sent; {remedy}")


def _log(content: Content, folder: Path, page: str, mode: str) -> str:
    wandb = client()
    run = wandb.init(
        project=of_records(content, "logger.project") or PROJECT,
        entity=of_records(content, "logger.entity"),
        name=f"report {' and '.join(content.summary.studies)}",
        group=content.summary.studies[0],
        job_type="analysis",
        tags=[study[:LONGEST_TAG] for study in content.summary.studies],
        dir=folder,
        mode=mode,
        settings=run_settings(mode, SECONDS_TO_UPLOAD),
    )
    drawings = {f"figures/{stem}": svg(figure) for stem, figure in content.figures().items()}
    media: dict[str, Any] = {f"tables/{stem}": _table(table) for stem, table in content.tables().items()}
    for name, text in [*drawings.items(), ("page", page)]:
        media[name] = wandb.Html(text, inject=False, data_is_not_path=True)
    files = Path(run.dir).parent
    try:
        with run:
            run.log(media)
            run.summary.update(_summary(content))
    except TimeoutError as error:
        rest = f"`wandb sync --no-skip-online {files}` uploads it"
        raise ValueError(f"W&B did not take the report within {SECONDS_TO_UPLOAD} s; {rest}") from error
    return f"W&B: offline; `wandb sync {files}` uploads it" if run.offline else f"W&B: {run.url}"


def _table(table: Table[Any]) -> Any:
    names, rows = table.raw()
    return client().Table(columns=[*names], data=rows, allow_mixed_types=True)


def _summary(content: Content) -> dict[str, Any]:
    """The answer, and of every setting the best variant beside the baseline, in the units of the tables."""
    metric = content.summary.metric
    entries: dict[str, Any] = {"answer": "\n".join(content.sentences)}
    for setting in content.summary.settings:
        best, baseline = setting.best, setting.baseline
        if best is None or best.score is None:
            continue
        facts: dict[str, Any] = {"best": best.name, metric.column: metric.scaled(best.score.mean), "n": best.score.n}
        if best.comparison and baseline:
            facts |= {"baseline": baseline.name, "difference": metric.scaled(best.comparison.difference.value)}
            facts["p_holm"] = best.comparison.p_holm
        entries |= {f"{setting.name}/{name}": value for name, value in facts.items()}
    return entries


def of_records(content: Content, key: str) -> str | None:
    """The value that most runs have."""
    values = Counter(str(run.config[key]) for run in content.summary.runs if run.config.get(key))
    return values.most_common(1)[0][0] if values else None
