"""The same runs on a GPU, where there is one."""

from __future__ import annotations

import json

import pytest
import torch

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns_on_a_gpu(cli, tmp_path, mixer, precision):
    args = ["trainer=gpu", f"model/mixer={mixer}", f"precision={precision}", "epochs=20", "logger=none"]
    done = cli(*args, "optim.lr=0.003")
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("runs/*/*/run.json")
    record = json.loads(file.read_text())
    assert record["device"]["accelerator"] == "gpu"
    assert record["memory"]["of"] == "cuda"
    assert record["metrics"]["test/top1"] > 0.8
