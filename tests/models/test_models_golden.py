"""Stored values of a tiny model of each kind, in float64: what it computed once, it computes still.

After a change that is meant to change them: `python tests/models/test_models_golden.py` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lkca_exp.config.derive import derive
from lkca_exp.config.schema import (
    AttentionConfig,
    Config,
    DataConfig,
    LkcaConfig,
    LkcaDepthwiseConfig,
    MixerConfig,
    VitConfig,
)
from lkca_exp.config.specs import SPECS
from lkca_exp.models.build import build_model
from lkca_exp.models.vit import VisionTransformer

GOLDEN = Path(__file__).parents[1] / "golden"
CASES: dict[str, tuple[MixerConfig, str]] = {
    "attention": (AttentionConfig(), "mean"),
    "attention_class_token": (AttentionConfig(), "class_token"),
    "lkca": (LkcaConfig(), "mean"),
    "lkca_head": (LkcaConfig(sharing="head", value_bias=True, kernel_size=5), "mean"),
    "lkca_depthwise": (LkcaDepthwiseConfig(), "mean"),
}


def compute(case: str) -> dict[str, Any]:
    """Pooled features and logits of two images, and the mean square of what passes through on the way."""
    mixer, pooling = CASES[case]
    config = Config(data=DataConfig(name="digits"))
    config.model = VitConfig(width=8, depth=2, mlp_ratio=2.0, positions="learned", pooling=pooling, mixer=mixer)
    model = build_model(config.model, derive(config, SPECS["digits"])).double().eval()
    random = np.random.RandomState(0)  # its numbers never change, torch's may with the version
    assert isinstance(model, VisionTransformer)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            parameter.copy_(torch.from_numpy(random.standard_normal(parameter.shape) / 3))
        seen = model.intermediates(torch.from_numpy(random.standard_normal((2, 1, 8, 8))))
    squares = {name: tensor.square().mean().item() for name, tensor in seen.items()}
    return {"squares": squares, "pooled": seen["pooled"].tolist(), "logits": seen["logits"].tolist()}


@pytest.mark.parametrize("case", CASES)
def test_stored_values(case: str) -> None:
    stored, computed = json.loads((GOLDEN / f"models_{case}.json").read_text()), compute(case)
    assert stored["squares"] == pytest.approx(computed["squares"], rel=1e-9)
    for name in ("pooled", "logits"):
        np.testing.assert_allclose(computed[name], stored[name], rtol=1e-9, atol=1e-11)


if __name__ == "__main__":
    for name in CASES:
        (GOLDEN / f"models_{name}.json").write_text(json.dumps(compute(name), indent=1) + "\n")
