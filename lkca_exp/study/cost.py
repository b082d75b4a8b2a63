"""What a study costs before any of it was run: sizes of its models, operations, and the hours of its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from lkca_exp.report.formats import thousands
from lkca_exp.report.read.published import Published
from lkca_exp.report.sections.published import MACS, notes, origin, plain
from lkca_exp.report.tables.column import Column, Table, number, words
from lkca_exp.report.tables.files import markdown_table
from lkca_exp.sweep.estimate import images_trained, price
from lkca_exp.sweep.jobs import Jobs, SweepJob

GPU = "NVIDIA A100"
PEAK = 19.5e12
"""Operations a second in fp32, by NVIDIA's data sheet."""
SHARE = 0.25
"""Of the peak that a run is assumed to reach."""
TRAINING = 3
"""Forward and backward pass over the forward pass alone."""
BASIS = (
    f"The estimate takes the operations of training ({TRAINING} times those of a forward pass, for every image of "
    f"every epoch) at {SHARE * 100:g} % of the GPU's {PEAK / 1e12:g} TFLOP/s in fp32; small models may reach less. "
    "Multiplications are of one image's forward pass, LKCA's in the form that a CPU computes: by its N x N matrix, but "
    "for small kernels."
)


@dataclass(frozen=True)
class Cell:
    """One configuration: `runs` of it, a seed each; `flops` of one image's forward pass; `hours` of one run, estimated;
    and the published model that is most like it."""

    data: str
    name: str
    runs: int
    parameters: int
    flops: int
    hours: float
    published: Published | None


def cells(jobs: Jobs, published: Sequence[Published]) -> list[Cell]:
    """The configurations of a sweep, in the order of their first jobs."""
    by_name: dict[tuple[str, str], list[SweepJob]] = {}
    varied = [key for key in jobs.varied_keys if key not in ("seed", "data")]
    for job in jobs.unique:
        name = " ".join(word for word in job.overrides if word.partition("=")[0] in varied)
        by_name.setdefault((job.config.data.name, name), []).append(job)
    return [_cell(data, name, same, published) for (data, name), same in by_name.items()]


def _cell(data: str, name: str, same: Sequence[SweepJob], published: Sequence[Published]) -> Cell:
    job = same[0]
    parameters, flops = price(job)
    seconds = TRAINING * flops * images_trained(asdict(job.config)) / (PEAK * SHARE)
    like = next((model for model in published if model.data == data and _is_like(model, job)), None)
    return Cell(data, name, len(same), parameters, flops, seconds / 3600, like)


def _is_like(model: Published, sweep_job: SweepJob) -> bool:
    """Whether a job's model is made as `like` says, by its preset or word by word, with no other mixer."""
    words = {*sweep_job.overrides, f"model={sweep_job.config.model.preset}"}
    mixers = {word for word in sweep_job.overrides if word.startswith(("model/mixer=", "model.mixer."))}
    return bool(model.like) and mixers <= set(model.like) <= words


def cost(configurations: Sequence[Cell]) -> str:
    """A table of the cells, and the sum of all runs, in Markdown."""
    columns: list[Column[Cell]] = [
        words("Data", "data", lambda cell: cell.data),
        words("Configuration", "configuration", lambda cell: cell.name),
        number("Parameters", "parameters", lambda cell: cell.parameters, thousands),
        _published("Published parameters, M", "million_parameters"),
        number("Multiplications, M", "multiplications", lambda cell: cell.flops / 2e6, lambda value: f"{value:,.1f}"),
        _published("Published multiplications, M", "mega_multiplications"),
        _published(f"{MACS}, M", "mega_macs_without_mixer"),
        number("Hours a run, estimated", "hours", lambda cell: cell.hours, _hours),
        _published("Published top-1 %", "top1_percent", lambda top1: f"{top1:.2f}"),
    ]
    shown = [cell.published for cell in configurations if cell.published]
    sources = list(dict.fromkeys(f"Published: {origin(model)}." for model in shown))
    table = Table(columns, configurations, [*sources, *notes(shown)])
    runs, hours = sum(cell.runs for cell in configurations), sum(cell.runs * cell.hours for cell in configurations)
    total = f"**Estimated, not measured:** {runs} runs, {_hours(hours)} hours on one {GPU}."
    return f"{total} {BASIS}\n\n{markdown_table(table)}"


def _published(title: str, name: str, show: Callable[[float], str] = plain) -> Column[Cell]:
    """A number of the published model, where there is one."""
    return number(title, name, lambda cell: getattr(cell.published, name, None), show)


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
