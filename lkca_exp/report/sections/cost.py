"""Accuracy against what it costs, with the Pareto front: the variants that no other one beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.aggregate import Setting, Variant
from lkca_exp.report.figures.model import Axis, Figure, Front, Mark, Mean, Plot, Style
from lkca_exp.report.figures.styles import WIDE, describe_point, in_figures, interval
from lkca_exp.report.formats import count, device
from lkca_exp.report.section import Material, Section, figures_of_settings


@dataclass(frozen=True)
class Cost:
    """`of` a variant; `measured` ones compare on one machine only."""

    slug: str
    title: str
    of: Callable[[Variant], float | None]
    less_is_better: bool = True
    measured: bool = False


COSTS = (
    Cost("parameters", "parameters", lambda variant: variant.constant("parameters")),
    Cost("flops", "FLOPs an image", lambda variant: variant.constant("flops_per_image")),
    Cost("throughput", "training images/s", lambda variant: _throughput(variant), False, True),
)


def section(material: Material) -> Section:
    return figures_of_settings(material, costs)


def costs(setting: Setting, style: Mapping[str, Style]) -> list[Figure]:
    """A figure for each cost in which two variants differ."""
    variants = [variant for variant in in_figures(setting) if variant.score]
    figures = [_figure(cost, variants, style) for cost in COSTS]
    return [figure for figure in figures if figure is not None]


def pareto(points: Sequence[tuple[float, float]], less_is_better: bool, higher_is_better: bool) -> list[int]:
    """Indices of the (cost, score) points that no other one beats, by rising cost value."""
    sign, way = (1 if less_is_better else -1), (1 if higher_is_better else -1)

    def beaten(index: int) -> bool:
        cost, score = sign * points[index][0], way * points[index][1]
        others = [(sign * a, way * b) for place, (a, b) in enumerate(points) if place != index]
        return any(a <= cost and b >= score and (a, b) != (cost, score) for a, b in others)

    return sorted((index for index in range(len(points)) if not beaten(index)), key=lambda index: points[index])


def _figure(cost: Cost, variants: Sequence[Variant], style: Mapping[str, Style]) -> Plot | None:
    devices = {device(run) for variant in variants for run in variant.counted}
    if cost.measured and len(devices) > 1:
        return None
    points = [(variant, value) for variant in variants if (value := cost.of(variant))]
    values = [value for _, value in points]
    if len(set(values)) < 2:
        return None
    metric = variants[0].metric
    marks: list[Mark] = [_point(variant, value, style[variant.name]) for variant, value in points]
    places = [(value, interval(variant)[0]) for variant, value in points]
    front = pareto(places, cost.less_is_better, metric.higher_is_better)
    rising = cost.less_is_better != metric.higher_is_better
    x, y = zip(*(places[index] for index in front), strict=True)
    marks.insert(0, Front(x, y, up_first=rising))
    name = metric.full_name
    unit = " %" if metric.is_fraction else ""
    on = f", on {devices.pop()}" if cost.measured else ""
    note = (
        f"Mean and 95 % confidence interval over seeds{on}. The broken line is the Pareto front: "
        f"{count(len(front), 'variant')} that no other one beats in both."
    )
    stamps = {metric.stamp(variant.selected_on) for variant, _ in points} - {""}
    title = ", ".join([f"{name[0].upper()}{name[1:]} against {cost.title}", *stamps])
    axis = Axis(cost.title, log=max(values) > WIDE * min(values) > 0)
    return Plot(f"cost-{cost.slug}", title, note, axis, Axis("", unit), marks)


def _point(variant: Variant, value: float, style: Style) -> Mean:
    mean, low, high = interval(variant)
    return Mean(
        variant.name, style, value, mean, low, high, "y", f"{describe_point(variant)}; {value:,.0f}", labelled=True
    )


def _throughput(variant: Variant) -> float | None:
    speed = variant.speed("train_images_per_s")
    return speed.mean if speed else None
