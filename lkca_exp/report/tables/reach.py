"""How far tokens look: one row a variant for readers, one row a layer for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.reach import VariantReach, mean_and_sd
from lkca_exp.report.compare.statistics import Estimate
from lkca_exp.report.tables.column import Column, Table, number, raw_only, words

DECIMALS = 6
"""Of raw values: more than the files of the runs have."""
DEFINITION = (
    "Mean ± standard deviation over n seeds. Distance: of the tokens that a token reads, weighted by the size of the "
    "weights; rows or columns, whichever is more. Radius: mean "
    "distance of the gradient from the centre after the last layer."
)


@dataclass(frozen=True)
class Layer:
    """`number` counts from 1."""

    of: VariantReach
    number: int

    @property
    def distance(self) -> Estimate:
        return self.of.masses.distance[self.number - 1]

    @property
    def radius(self) -> Estimate | None:
        return self.of.fields.radius[self.number - 1] if self.of.fields else None

    def within(self, r: int) -> Estimate | None:
        """In percent; None beyond the grid."""
        shares = self.of.masses.within[self.number - 1]
        return _percent(shares[r]) if r < len(shares) else None


def reach_table(reached: Sequence[VariantReach]) -> Table[VariantReach]:
    """Over all layers, in the first and in the last one."""
    columns: list[Column[VariantReach]] = [
        words("Variant", "variant", lambda one: one.variant.name),
        raw_only("data", lambda one: one.variant.setting),
        number("n", "n", lambda one: one.masses.overall.n, str),
        _estimate("Distance, tokens", "distance_tokens", lambda one: one.masses.overall),
        _estimate("First layer", "first_layer_distance_tokens", lambda one: one.masses.distance[0]),
        _estimate("Last layer", "last_layer_distance_tokens", lambda one: one.masses.distance[-1]),
        number("If all tokens alike", "alike_distance_tokens", lambda one: one.masses.even_distance, _two),
        _estimate("Radius, pixels", "radius_pixels", lambda one: one.fields.radius[-1] if one.fields else None),
        number("If all pixels alike", "alike_radius_pixels", lambda one: one.fields.even if one.fields else None, _two),
    ]
    return Table(columns, reached, [DEFINITION])


def layer_table(reached: Sequence[VariantReach]) -> Table[Layer]:
    """With the share of the mass within every r."""
    rows = [Layer(one, index + 1) for one in reached for index in range(len(one.masses.distance))]
    furthest = max(len(one.masses.even) for one in reached)
    columns: list[Column[Layer]] = [
        words("Variant", "variant", lambda row: row.of.variant.name),
        raw_only("data", lambda row: row.of.variant.setting),
        number("Layer", "layer", lambda row: row.number, str),
        number("n", "n", lambda row: row.distance.n, str),
        _estimate("Distance, tokens", "distance_tokens", lambda row: row.distance),
        _estimate("Radius, pixels", "radius_pixels", lambda row: row.radius),
        *(_within(r) for r in range(furthest)),
    ]
    return Table(columns, rows, [DEFINITION])


def _within(r: int) -> Column[Layer]:
    return _estimate(f"Within {r}, %", f"within_{r}_percent", lambda row: row.within(r))


def _estimate(title: str, name: str, of: Callable[..., Estimate | None]) -> Column:
    def part(key: str) -> Callable[..., float | None]:
        def value(row: object) -> float | None:
            found = getattr(of(row), key, None)
            return None if found is None else round(found, DECIMALS)

        return value

    def text(row: object) -> str:
        found = of(row)
        return "" if found is None else mean_and_sd(found)

    return Column(title, text, {name: part("mean"), f"{name}_sd": part("sd")})


def _percent(found: Estimate) -> Estimate:
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return Estimate(found.n, 100 * found.mean, None if found.sd is None else 100 * found.sd, low, high)


def _two(value: float) -> str:
    return f"{value:.2f}"
