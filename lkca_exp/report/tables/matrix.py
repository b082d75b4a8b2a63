"""The table of a paper: variants by data sets, or any keys by any others.

Every configuration has a cell of its own: a layout that would put two of them into one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lkca_exp.report.compare.choice import Choice, resolve
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import describe, in_order, is_plain
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.read.published import Published
from lkca_exp.report.sections.published import DAGGER, is_like, notes, origin, published_for, source_marks
from lkca_exp.report.tables.column import Column, Table
from lkca_exp.report.tables.variants import MARK, not_counted, stamped


@dataclass(frozen=True)
class MatrixRow:
    """`cells` of our own, and `published` numbers in percent, each by the name of the column."""

    name: str
    cells: Mapping[str, Variant]
    published: Mapping[str, float]

    @property
    def is_published(self) -> bool:
        return bool(self.published)


def matrix(summary: Summary, choice: Choice, published: Sequence[Published]) -> Table[MatrixRow]:
    """Rows are variants and columns settings, where the choice names no keys; a choice of one side leaves the keys that
    differ besides to the other. A published row follows ours of the same model, or stands below.

    Raises ValueError for a layout with two configurations in a cell.
    """
    row_of, column_of = _layout(summary, choice)
    rows: dict[str, dict[str, Variant]] = {}
    for variant in summary.variants:
        row, column = row_of(variant) or "all", column_of(variant) or "all"
        if column in rows.setdefault(row, {}):
            _refuse(rows[row][column], variant, summary)
        rows[row][column] = variant
    columns = list(dict.fromkeys(column_of(variant) or "all" for variant in summary.variants))
    if choice.rows or choice.columns:  # settings have an order
        columns.sort(key=in_order)
    ours = [MatrixRow(name, cells, {}) for name, cells in rows.items()]
    ours.sort(key=lambda row: (not any(variant.is_baseline for variant in row.cells.values()), in_order(row.name)))
    theirs, sources = _theirs(summary, rows, columns, published)
    beside = [row for mine in ours for row in [mine, *theirs.pop(mine.name, [])]]
    best = {column: _best(rows.values(), column) for column in columns}
    shown = [Column[MatrixRow]("", lambda row: row.name, {"row": lambda row: row.name}, numeric=False, rank=0)]
    for column in columns:
        shown += _columns(column, summary.metric, best[column])
    return Table(shown, [*beside, *theirs.pop("", [])], [*_remarks(summary), *sources])


def _layout(summary: Summary, choice: Choice) -> tuple[Callable[[Variant], str], Callable[[Variant], str]]:
    if not choice.rows and not choice.columns:
        return lambda variant: variant.name, lambda variant: variant.setting
    there = [key for variant in summary.variants for key in variant.keys]
    rows = [resolve(word, there) for word in choice.rows]
    columns = [resolve(word, there) for word in choice.columns]

    def named(keys: Sequence[str], others: Sequence[str]) -> Callable[[Variant], str]:
        """By these keys, or by those that tell a variant apart and are not among the `others`."""
        if keys:
            return lambda variant: describe(variant.keys, keys)
        return lambda variant: describe(
            variant.keys, [key for key in (*variant.named_by, *summary.apart) if key not in others]
        )

    return named(rows, columns), named(columns, rows)


def _refuse(first: Variant, second: Variant, summary: Summary) -> None:
    keys = [key for key in summary.shown + summary.apart if first.keys.get(key) != second.keys.get(key)]
    raise ValueError(
        f"two configurations fall into one cell of the table: they differ in {' and '.join(keys) or 'other keys'}; "
        "add that to --rows or --columns, or choose with --where"
    )


def _columns(title: str, metric: Metric, best: Variant | None) -> list[Column[MatrixRow]]:
    def score(row: MatrixRow) -> str:
        if row.is_published:
            value = row.published.get(title)
            return "" if value is None else f"{value:.2f} {DAGGER}"
        return cell_text(row.cells.get(title))

    def difference(row: MatrixRow) -> str:
        variant = row.cells.get(title)
        if variant is None or variant.comparison is None:
            return ""
        comparison = variant.comparison
        return metric.delta(comparison.difference.value) + (MARK if comparison.is_significant else "")

    def of(pick: Callable[[Variant], Any]) -> Callable[[MatrixRow], Any]:
        return lambda row: pick(row.cells[title]) if title in row.cells else None

    raw: dict[str, Callable[[MatrixRow], Any]] = {
        f"{title}: {metric.column}": of(lambda v: metric.scaled(v.score.mean) if v.score else None),
        f"{title}: sd": of(lambda v: metric.scaled(v.score.sd) if v.score else None),
        f"{title}: n": of(lambda v: len(v.counted)),
        f"{title}: selected_on": of(lambda v: v.selected_on),
        f"{title}: published_top1_percent": lambda row: row.published.get(title),
    }
    against: dict[str, Callable[[MatrixRow], Any]] = {
        f"{title}: difference": of(lambda v: metric.scaled(v.comparison.difference.value) if v.comparison else None),
        f"{title}: p_holm": of(lambda v: v.comparison.p_holm if v.comparison else None),
    }
    return [
        Column(title, score, raw, rank=1, strong=lambda row: best is not None and row.cells.get(title) is best),
        Column("Δ", difference, against, rank=2),
    ]


def cell_text(variant: Variant | None) -> str:
    """98.33 ± 0.58 (3), with what is missing: no cell is empty without a reason."""
    if variant is None:
        return "no run"
    missing = not_counted(variant)
    if variant.score is None:
        return missing or "no result"
    inside = f"{variant.score.n}; {missing}" if missing else str(variant.score.n)
    return stamped(f"{variant.metric.mean_and_sd(variant.score)} ({inside})", variant.metric.stamp(variant.selected_on))


def _best(rows: Iterable[Mapping[str, Variant]], column: str) -> Variant | None:
    """Of two or more with a mean on the same data under the same protocol; others cannot be ranked."""
    variants = [row[column] for row in rows if column in row]
    scored = [(variant.metric.better(variant.score.mean), variant) for variant in variants if variant.score]
    comparable = len(scored) > 1 and len({variant.setting for _, variant in scored}) == 1
    return max(scored, key=lambda pair: pair[0])[1] if comparable else None


def _theirs(
    summary: Summary, rows: Mapping[str, Mapping[str, Variant]], columns: Sequence[str], published: Sequence[Published]
) -> tuple[dict[str, list[MatrixRow]], list[str]]:
    """Rows of published models by the name of our row of the same model, "" where there is none, and the remarks on
    them below the table. They have numbers in columns whose variants all were trained on the whole of their data set.
    """
    plain = {setting.name: setting.keys for setting in summary.settings if is_plain(setting.keys)}
    data_of = {}
    for column in columns:
        names = {
            str(plain[one.setting].get("data.name")) if one.setting in plain else ""
            for cells in rows.values()
            if (one := cells.get(column))
        }
        if len(names) == 1:
            data_of[column] = names.pop()
    shown = [one for one in published_for(summary, published) if one.data in data_of.values()]
    marks = source_marks(shown)
    by_model: dict[str, dict[str, float]] = {}
    ours: dict[str, str] = {}
    for other in shown:
        name = f"{other.model} {marks[origin(other)]}"
        for column in (column for column, data in data_of.items() if data == other.data):
            by_model.setdefault(name, {})[column] = other.top1_percent
        for mine, cells in rows.items():
            if any(is_like(other, variant) for variant in cells.values()):
                ours.setdefault(name, mine)
    by_row: dict[str, list[MatrixRow]] = {}
    for name, numbers in by_model.items():
        by_row.setdefault(ours.get(name, ""), []).append(MatrixRow(name, {}, numbers))
    sources = [f"{mark} published, not run here: {source}" for source, mark in marks.items()]
    return by_row, [*sources, *notes(shown)]


def _remarks(summary: Summary) -> list[str]:
    metric = summary.metric
    unit = " in percent" if metric.is_fraction else ""
    words = f"{metric.full_name}{unit}: mean ± standard deviation over seeds (n)"
    if any(variant.comparison for variant in summary.variants):
        points = f" in {metric.points}" if metric.points else ""
        words += (
            f"; Δ: difference from the baseline of the same data and protocol{points}, {MARK} where p < 0.05 after "
            "Holm's correction"
        )
    remarks = [words + "."]
    if any(variant.protocol == "final" for variant in summary.variants):
        remarks.append("Protocol final: nothing was held out; all training images, and the last weights.")
    if summary.recipes:
        remarks.append(f"The recipes of the data sets differ in {', '.join(summary.recipes)}.")
    return remarks
