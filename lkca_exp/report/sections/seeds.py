"""Every run as a dot, and the mean of each variant."""

from __future__ import annotations

from collections.abc import Mapping

from lkca_exp.report.compare.aggregate import Setting, Variant
from lkca_exp.report.figures.model import Axis, Dots, Figure, Mark, Mean, Plot, Style
from lkca_exp.report.figures.styles import describe_point, in_figures, interval
from lkca_exp.report.section import Material, Section, figures_of_settings


def section(material: Material) -> Section:
    return figures_of_settings(material, seeds)


def seeds(setting: Setting, style: Mapping[str, Style]) -> list[Figure]:
    """One figure, if a run has finished: a row a variant, best first."""
    variants = [variant for variant in in_figures(setting) if variant.counted]
    if not variants:
        return []
    metric = variants[0].metric
    marks = [mark for row, variant in enumerate(variants) for mark in _row(variant, row, style[variant.name])]
    stamps = {metric.stamp(variant.selected_on) for variant in variants} - {""}
    title = f"{metric.full_name[0].upper()}{metric.full_name[1:]}, seed by seed"
    note = "A dot is a run; the larger point and its bar are mean and 95 % confidence interval over seeds."
    if len(variants) < len([variant for variant in setting.variants if variant.counted]):
        note += f" Of {len(setting.variants)} variants the best are drawn, and the baseline."
    axis = Axis(metric.full_name + (", %" if metric.is_fraction else ""))
    height = 60 + 46 * len(variants)
    names = Axis("", names=tuple(variant.name for variant in variants))
    return [Plot("seeds", ", ".join([title, *stamps]), note, axis, names, marks, height)]


def _row(variant: Variant, row: int, style: Style) -> list[Mark]:
    metric, by_seed = variant.metric, variant.by_seed
    values = [metric.scale * value for value in by_seed.values()]
    tips = [f"{variant.name}, seed {seed}: {metric.text(value)}" for seed, value in by_seed.items()]
    mean, low, high = interval(variant)
    return [
        Dots(variant.name, style, values, [row - 0.2] * len(values), tips),
        Mean(variant.name, style, mean, row + 0.15, low, high, "x", describe_point(variant)),
    ]
