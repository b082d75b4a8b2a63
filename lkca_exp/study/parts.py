"""What can stand in a part of a study's README, by its first word:

cost            sizes of the models, operations and estimated hours; needs no run
runs            how many runs there are, hours, machine, commit
answer          the report's headlines, and all variants in one table
table NAME      a table of the report: table, published, variants, runs, agreement
figures NAME... the report's figures and pictures of these names, in which * stands for anything
"""

from __future__ import annotations

import base64
import csv
import fnmatch
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import methodcaller

from lkca_exp.report.charts.draw import svg
from lkca_exp.report.compare.answer import headlines
from lkca_exp.report.content import Content
from lkca_exp.report.formats import count, duration
from lkca_exp.report.tables.column import Table, raw_only
from lkca_exp.report.tables.files import csv_table, escape_markdown, markdown_table
from lkca_exp.report.tables.variants import answer_table

RESULTS = "results.csv"
NOT_PUBLISHED = ("host",)
"""What a record says that is nobody's business elsewhere."""
FOLDERS = re.compile(r"(?<![\w./:])/(?:[^\s/,;\"]+/)+")
"""Those of an absolute path, which warnings of a record name."""


@dataclass(frozen=True)
class Drawing:
    """A file of `figures/`, its title and its note."""

    file: str
    content: bytes
    title: str
    note: str


def results_csv(rounds: Sequence[Content]) -> str:
    """A row a run, as the report of each round writes it, of files no more than their names."""
    raw = (content.runs.raw() for content in rounds)
    rows = [dict(zip(names, values, strict=True)) for names, table in raw for values in table]
    names = (name for row in rows for name in row if name not in NOT_PUBLISHED)
    columns = [raw_only(name, methodcaller("get", name)) for name in dict.fromkeys(names)]
    return FOLDERS.sub("", csv_table(Table(columns, rows)))


def runs(results: str, planned: int) -> str:
    """What the rows of a results.csv say of the runs; `planned` is how many there should be."""
    rows = list(csv.DictReader(io.StringIO(results)))
    if not rows:
        return f"**Not run here.** {count(planned, 'run')} to do.\n"
    finished = [row for row in rows if row["status"] == "finished"]
    seconds = sum(float(row.get("seconds") or 0) for row in finished)
    commits = (row.get("commit", "")[:9] + "+" * (row.get("dirty") == "True") for row in finished)
    facts = {
        "Machine": _tally(row.get("device", "") for row in finished),
        "torch": _tally(row.get("torch", "") for row in finished),
        "numerics": _tally(row.get("numerics", "") for row in finished),
        "Commit (+ with uncommitted changes)": _tally(commits),
    }
    lines = [f"{len(finished)} of {count(planned, 'run')} finished, {duration(seconds)} in all."]
    lines += [f"{what}: {values}." for what, values in facts.items() if values]
    return "\n".join([*lines, f"A row a run: [{RESULTS}]({RESULTS})."]) + "\n"


def answer(content: Content) -> str:
    """The headlines, a line each, and one table of all variants; then the remarks."""
    sentences = "".join(f"- {escape_markdown(sentence)}\n" for sentence in headlines(content.summary))
    remarks = "".join(f"- {escape_markdown(remark)}\n" for remark in content.remarks)
    return f"{sentences}\n{markdown_table(answer_table(content.summary))}" + (f"\n{remarks}" if remarks else "")


def table(content: Content, name: str) -> str:
    """Raises ValueError for a table that the report does not have."""
    tables = content.tables()
    if name not in tables:
        raise ValueError(f"the report has no table {name!r}; there are {', '.join(tables)}")
    return markdown_table(tables[name])


def drawings(content: Content, names: Sequence[str]) -> list[Drawing]:
    """The figures and pictures of these names. Raises ValueError for a name that fits none of them."""
    available = [
        (stem, Drawing(f"{stem}.svg", svg(figure).encode(), figure.title, figure.note))
        for stem, figure in content.figures().items()
    ]
    for run in (run for block in content.blocks for run in block.runs):
        for picture in run.pictures:
            kind, _, data = picture.address.partition(";base64,")
            suffix = kind.partition("/")[2].partition("+")[0]
            stem, title = f"{run.folder.name}-{picture.stem}", f"{picture.stem}: {run.name}"
            available.append((stem, Drawing(f"{stem}-picture.{suffix}", base64.b64decode(data), title, "")))
    chosen: dict[str, Drawing] = {}
    for name in names:
        fitting = {drawing.file: drawing for stem, drawing in available if fnmatch.fnmatchcase(stem, name)}
        if not fitting:
            raise ValueError(f"the report has no figure {name!r}; there are {', '.join(stem for stem, _ in available)}")
        chosen |= fitting
    return list(chosen.values())


def figures(drawn: Sequence[Drawing]) -> str:
    """The images, each with its note."""
    return "\n".join(
        f"![{escape_markdown(drawing.title)}](figures/{drawing.file})\n"
        + (f"\n{escape_markdown(drawing.note)}\n" * bool(drawing.note))
        for drawing in drawn
    )


def _tally(values: Iterable[str]) -> str:
    """The values, the most frequent first; with the number of runs where there are several."""
    tally = Counter(value for value in values if value).most_common()
    return ", ".join(value if len(tally) == 1 else f"{value} ({number})" for value, number in tally)
