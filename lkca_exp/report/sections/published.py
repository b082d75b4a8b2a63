"""One row a published number, beside the variants of ours that are made like its model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import MIXER, MODEL, PRESET, is_plain, show
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.formats import thousands
from lkca_exp.report.read.published import Published
from lkca_exp.report.section import Block, Material, Section, TableBlock
from lkca_exp.report.tables.column import Column, Table, number, raw_only, words
from lkca_exp.report.tables.variants import stamped

DAGGER = "†"
HEADING = "Published numbers"
NOTE = (
    "They were not run here, and enter no mean or test. A model of ours stands in the row of the one that it is made "
    "like. Multiplications, ours and published, are all of an "
    "image\N{RIGHT SINGLE QUOTATION MARK}s forward pass; MACs stand in a column of their own where their source "
    "leaves out the products inside the token mixer."
)
MACS = "MACs as published (without the mixer's own products)"


@dataclass(frozen=True)
class PublishedRow:
    """A published number, and one of our variants if there is one like it."""

    published: Published
    ours: Variant | None


def section(material: Material) -> Section:
    table = published_table(material.summary, material.published)
    if not table.rows:
        return Section()
    block = TableBlock(table, HEADING, note=NOTE, in_answer=True)
    return Section([Block(HEADING, tables=[block])], {"published": table})


def published_table(summary: Summary, published: Sequence[Published]) -> Table[PublishedRow]:
    """The numbers on the data sets of the report, with sizes and costs of both sides."""
    shown = published_for(summary, published)
    marks = source_marks(shown)
    rows: list[PublishedRow] = []
    for entry in shown:
        alike = [PublishedRow(entry, variant) for variant in summary.variants if is_like(entry, variant)]
        rows += alike or [PublishedRow(entry, None)]
    several = len({entry.data for entry in shown}) > 1
    columns: list[Column[PublishedRow]] = [
        Column(
            "Published model",
            lambda r: f"{r.published.model} {marks[origin(r.published)]}",
            {"model": lambda r: r.published.model},
            numeric=False,
        ),
        Column("Data", lambda r: r.published.data if several else "", {"data": lambda r: r.published.data}, False),
        number("Published top-1 %", "published_top1_percent", lambda r: r.published.top1_percent, _hundredth),
        words("Ours", "variant", lambda r: r.ours.name if r.ours else ""),
        Column("Our top-1 %", _our_score, {"top1_percent": _our_mean}),
        number(
            "Published parameters, M", "published_million_parameters", lambda r: r.published.million_parameters, plain
        ),
        number("Our parameters", "parameters", lambda r: r.ours.constant("parameters") if r.ours else None, thousands),
        number("Our multiplications, M", "mega_multiplications", _our_multiplications, lambda value: f"{value:,.1f}"),
        number(
            "Published multiplications, M",
            "published_mega_multiplications",
            lambda r: r.published.mega_multiplications,
            plain,
        ),
        number(
            f"{MACS}, M",
            "published_mega_macs_without_mixer",
            lambda r: r.published.mega_macs_without_mixer,
            plain,
        ),
        raw_only("selected_on", lambda r: r.ours.selected_on if r.ours else ""),
        raw_only("protocol", lambda r: r.published.protocol),
        raw_only("source", lambda r: r.published.source),
        raw_only("commit", lambda r: r.published.commit),
        raw_only("note", lambda r: r.published.note),
    ]
    return Table(columns, rows, [*(f"{mark} {source}" for source, mark in marks.items()), *notes(shown)])


def published_for(summary: Summary, published: Sequence[Published]) -> list[Published]:
    """Those that stand beside ours: top-1 on a data set that a setting uses whole."""
    if summary.metric != Metric():
        return []
    whole = {setting.keys.get("data.name") for setting in summary.settings if is_plain(setting.keys)}
    return [entry for entry in published if entry.data in whole]


def is_like(entry: Published, variant: Variant) -> bool:
    """Whether a variant was trained on the same images and made as `like` says, with no other key of the model that
    tells it apart."""
    if not entry.like or variant.keys.get("data.name") != entry.data or not is_plain(variant.keys):
        return False
    wanted = dict(word.split("=", 1) for word in entry.like)
    model = {PRESET: wanted.pop("model", None), MIXER: wanted.pop("model/mixer", None), **wanted}
    if PRESET not in variant.keys:
        model[MODEL] = model.pop(PRESET)
    told_by = {key for key in variant.named_by if key.startswith("model.")} - {MODEL}
    asked = {key: value for key, value in model.items() if value is not None}
    return told_by <= asked.keys() and all(show(variant.keys.get(key)) == value for key, value in asked.items())


def source_marks(published: Iterable[Published]) -> dict[str, str]:
    """Origin -> the mark that rows from there carry."""
    origins = list(dict.fromkeys(origin(entry) for entry in published))
    return {source: f"{DAGGER}{index if len(origins) > 1 else ''}" for index, source in enumerate(origins, start=1)}


def origin(entry: Published) -> str:
    """Source, commit and protocol."""
    return f"{entry.source}{f', commit {entry.commit}' if entry.commit else ''}; {entry.protocol}"


def notes(published: Iterable[Published]) -> list[str]:
    """What a reader has to know about single rows: the models, then the note."""
    models: dict[str, dict[str, None]] = {}
    for entry in published:
        if entry.note:
            models.setdefault(entry.note, {})[entry.model] = None
    return [f"{', '.join(names)}: {note}." for note, names in models.items()]


def plain(value: float) -> str:
    """A published number with its own digits."""
    return f"{value:g}"


def _hundredth(value: float) -> str:
    return f"{value:.2f}"


def _our_score(row: PublishedRow) -> str:
    ours = row.ours
    if ours is None or ours.score is None:
        return ""
    return stamped(f"{ours.metric.mean_and_sd(ours.score)} ({ours.score.n})", ours.metric.stamp(ours.selected_on))


def _our_mean(row: PublishedRow) -> float | None:
    return row.ours.metric.scaled(row.ours.score.mean) if row.ours and row.ours.score else None


def _our_multiplications(row: PublishedRow) -> float | None:
    flops = row.ours.constant("flops_per_image") if row.ours else None
    return None if flops is None else flops / 2e6
