"""What the benches measure, by the names that their command lines take; without torch, so that a wrong one is refused
at once."""

from __future__ import annotations

SUITES = ("skeleton", "paper")
"""Of `bench model`: every mixer in one skeleton; the paper's models."""
PRECISIONS = ("fp32", "bf16")
"""In which every device computes what it is told; `bench gpu` has TF32 as well."""
GRIDS = (4, 7, 8, 16)
"""Sides of the grids of tokens of `bench op`."""
SHARINGS = ("channel", "head", "all")
GPU_PARTS = ("op", "loader", "jobs", "models")
