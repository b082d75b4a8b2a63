"""The questions of the report, in the order of the page. A new one is a file with a `section`, named in `SECTIONS`."""

from __future__ import annotations

from collections.abc import Callable

from lkca_exp.report.section import Material, Section
from lkca_exp.report.sections import (
    ablation,
    cost,
    curves,
    difference,
    images,
    inside,
    published,
    reach,
    search,
    seeds,
)

SECTIONS: tuple[Callable[[Material], Section], ...] = (
    search.section,
    difference.section,
    published.section,
    seeds.section,
    curves.section,
    cost.section,
    images.section,
    ablation.section,
    reach.section,
    inside.section,
)
