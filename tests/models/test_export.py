"""Models leave PyTorch: torch.export, and ONNX as onnxruntime runs it, with the outputs that training ended on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from lkca_exp.config.schema import GROUP_SCHEMAS
from lkca_exp.models.build import build_model

BATCH = torch.export.Dim("batch", min=1, max=1024)


def trained(mixer: str, describe: Callable[..., Any], options: dict[str, Any] | None = None) -> nn.Module:
    """A small model after a few steps."""
    model = build_model(*describe(mixer, options)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(digits(8)), torch.arange(8)).backward()
        optimizer.step()
    return model.eval()


def digits(batch: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mixer", GROUP_SCHEMAS["model/mixer"])
def test_an_exported_model_computes_the_same_for_any_batch(mixer: str, describe: Callable[..., Any]) -> None:
    model = trained(mixer, describe)
    exported = torch.export.export(model, (digits(3),), dynamic_shapes=({0: BATCH},)).module()
    for batch in (1, 5):
        images = digits(batch, seed=1)
        torch.testing.assert_close(exported(images), model(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("view", ["convolution", "attention"])
def test_onnx_computes_what_trained_lkca_does(view: str, describe: Callable[..., Any], tmp_path: Path) -> None:
    model, file = trained("lkca", describe, {"view": view}), tmp_path / "lkca.onnx"
    torch.onnx.export(model, (digits(3),), file, dynamic_shapes=({0: BATCH},), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        images = digits(batch, seed=1)
        (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        np.testing.assert_allclose(logits, model(images).detach().numpy(), rtol=1e-4, atol=1e-5)
