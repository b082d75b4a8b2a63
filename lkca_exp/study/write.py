"""From the runs of a study's sweep to the files of its folder in `experiments/`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lkca_exp.config.errors import ConfigError
from lkca_exp.report.build import markdown
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import Content, work_out
from lkca_exp.report.read.load import Run, load
from lkca_exp.report.read.published import read_published
from lkca_exp.runs.files import write_atomically
from lkca_exp.study import document, parts
from lkca_exp.study.cost import cells, cost
from lkca_exp.study.parts import RESULTS, Drawing
from lkca_exp.sweep.jobs import Jobs, SweepJob, multirun, resolve
from lkca_exp.sweep.second_round import expected_second_round, second_round

ROOT = Path("experiments")
"""In the checkout that is worked in."""
README, TABLE, FIGURES = "README.md", "table.md", "figures"


def write(name: str, words: Sequence[str]) -> Path:
    """Write the results of the runs of `python -m lkca_exp -m +experiment=NAME WORDS` into `experiments/NAME/`, or, for
    another data set than the study's own, `experiments/NAME/DATA/`. Without any runs only the cost is written, and
    results that are there stay. Returns the README.

    Raises:
        ConfigError: for a study without a README, with one that cannot be filled, or words that make it another study.
    """
    own = _rounds([f"+experiment={name}"])
    asked = _rounds([f"+experiment={name}", *words]) if words else own
    home = ROOT / name
    folder = home / _place(own[0], asked[0], words)
    if not (home / README).is_file():
        raise ConfigError("study", name, f"There is no {home / README}.", "Write its question and command first.")
    text = _read(folder / README) or _read(home / README)
    try:
        if not document.parts(text):
            raise ValueError("it has no part to fill")
        if not (folder / README).is_file():
            text = _of_other_data(name, words, text)
        folder.mkdir(parents=True, exist_ok=True)
        return _write(folder, text, asked)
    except ValueError as error:
        raise ConfigError("study", name, f"{folder / README}: {error}.") from error


def _rounds(words: Sequence[str]) -> list[Jobs]:
    """The jobs of a sweep, and those of its second round if it has one: those expected until the first has ended."""
    with multirun(words) as (master, loader):
        first = resolve(master, loader)
        expected = expected_second_round(first, master, loader)
        return [first] if expected is None else [first, second_round(first, master, loader) or expected]


def _place(own: Jobs, asked: Jobs, words: Sequence[str]) -> str:
    """Below the study's folder. Other files of the same data set, such as a copy of its images, are no other study."""
    if _settings(asked) == _settings(own):
        return ""
    data, others = (dict.fromkeys(job.config.data.name for job in jobs.unique) for jobs in (asked, own))
    if data.keys() == others.keys():
        rule = "These words make it another study, whose results are not those of its folder."
        raise ConfigError("study", " ".join(words), rule, "Give data=NAME, or use `python -m lkca_exp.report`.")
    return "-".join(data)


def _settings(jobs: Jobs) -> set[str]:
    """What each job's result depends on, but for the content of the files."""
    kept = ({key: value for key, value in job.result_keys.items() if key != "data.content"} for job in jobs.unique)
    return {json.dumps(keys, sort_keys=True, default=str) for keys in kept}


def _of_other_data(name: str, words: Sequence[str], text: str) -> str:
    """The README of a study on another data set: the same parts, and where the question is."""
    command = f"```sh\npython -m lkca_exp -m +experiment={name} {' '.join(words)}\n```"
    blocks = [f"# {name}, {' '.join(words)}", "Question and reading guide: [the study](..).", command]
    return "\n\n".join([*blocks, *(document.wrapped(part, "") for part in document.parts(text))]) + "\n"


def _write(folder: Path, text: str, rounds: Sequence[Jobs]) -> Path:
    ran = [content for jobs in rounds if (content := _content(jobs))]
    content = _content(rounds[-1], finished=True)
    results = parts.results_csv(ran) if ran else _read(folder / RESULTS)

    def body(part: str, before: str) -> str:
        match part.split():
            case ["cost"]:
                return cost(cells(rounds[0], read_published(None)))
            case ["runs"]:
                return parts.runs(results, sum(len(jobs.unique) for jobs in rounds))
            case ["search"]:
                search = _content(rounds[0], Choice(metric="val/top1"), finished=True)
                return parts.table(search, "variants") if search else before
            case ["answer"]:
                return parts.answer(content) if content else before
            case ["table", name]:
                return parts.table(content, name) if content else before
            case ["figures", _, *_]:
                return parts.figures(_drawings(content, part)) if content else before
        raise ValueError(f"<!-- study: {part} --> is no part that can be written")

    text = document.filled(text, body)
    if ran:
        _save(folder / RESULTS, results)
    if content:
        _save(folder / TABLE, markdown(content))
        _draw(folder / FIGURES, [drawing for part in document.parts(text) for drawing in _drawings(content, part)])
    _save(folder / README, text)
    return folder / README


def _content(
    jobs: Jobs,
    choice: Choice = Choice(),  # noqa: B008
    finished: bool = False,
) -> Content | None:
    """What the report says of exactly the runs of these jobs; None if there are none yet, or none `finished`."""
    numbered = enumerate(jobs.unique)
    wanted = {job.directory.resolve(): (place, job) for place, job in numbered if job.directory.is_dir()}
    runs, left_out = load(sorted({folder.parent for folder in wanted}))
    mine = [_of_job(run, *wanted[run.folder]) for run in runs if run.folder in wanted]
    damaged = [run for run in left_out if run.folder in wanted]
    enough = any(run.status == "finished" for run in mine) if finished else bool(mine)
    return work_out(mine, damaged, choice, read_published(None)) if enough else None


def _of_job(run: Run, place: int, job: SweepJob) -> Run:
    """The run with what its study's experiment says today: its place among the jobs, and the baseline."""
    return replace(run, place=place, baseline=job.config.report.baseline or "")


def _drawings(content: Content, part: str) -> list[Drawing]:
    kind, *names = part.split()
    return parts.drawings(content, names) if kind == "figures" else []


def _draw(folder: Path, drawn: Sequence[Drawing]) -> None:
    """The figures of a README, and no others."""
    folder.mkdir(exist_ok=True)
    for old in {file.name for file in folder.iterdir()} - {drawing.file for drawing in drawn}:
        (folder / old).unlink()
    for drawing in drawn:
        write_atomically(folder / drawing.file, partial(Path.write_bytes, data=drawing.content))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _save(path: Path, text: str) -> None:
    write_atomically(path, partial(Path.write_text, data=text, encoding="utf-8"))
