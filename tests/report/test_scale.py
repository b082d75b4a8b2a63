"""A thousand runs of a hundred epochs: processor time, memory and size of the page. `pytest -m slow -s` prints them."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.report.conftest import write_predictions, write_run

NUM_EPOCHS = 100
SECONDS, MEGABYTES_OF_MEMORY, MEGABYTES_OF_PAGE = 20, 1000, 15
MEASURE = """
import sys, time
from lkca_exp.cli.report import main
assert main(sys.argv[1:]) == 0
# Not getrusage, whose maximum a process inherits from the one that started it.
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time(), int(peak) / 1000, file=sys.stderr)
"""


@pytest.fixture
def thousand(tmp_path) -> Path:
    """2 mixers by 5 shares of the data by 20 learning rates by 5 seeds, with predictions of 10,000 images each."""
    draw = random.Random(0)
    for mixer in ("attention", "lkca"):
        for fraction in (0.05, 0.1, 0.2, 0.5, 1.0):
            for step in range(20):
                for seed in range(5):
                    top1 = (
                        0.5 + 0.1 * math.log10(fraction * 100) + 0.01 * step * (mixer == "lkca") + draw.gauss(0, 0.01)
                    )
                    rows = [
                        {
                            "epoch": epoch,
                            "step": 390 * epoch,
                            "lr": 0.001,
                            "train/loss": 2 / (epoch + 1) + draw.random(),
                        }
                        | {"train/top1": top1 - 1 / (epoch + 2), "val/top1": top1 - draw.random() / 10}
                        for epoch in range(NUM_EPOCHS)
                    ]
                    config = {"data.fraction": fraction, "optim.lr": 0.001 * (step + 1), "epochs": NUM_EPOCHS}
                    folder = write_run(tmp_path, mixer, seed, top1, study="large", config=config, rows=rows)
                    write_predictions(folder, top1, num_images=10_000, num_classes=10)
    return tmp_path / "large"


@pytest.mark.slow
def test_a_thousand_runs(thousand):
    command = [sys.executable, "-c", MEASURE, str(thousand)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    seconds, memory = map(float, done.stderr.split())
    page = (thousand / "report" / "index.html").stat().st_size / 1e6
    print(f"\n1,000 runs of {NUM_EPOCHS} epochs: {seconds:.1f} s of a processor, {memory:.0f} MB, page {page:.2f} MB")
    assert len(json.loads((thousand / "report" / "runs.json").read_text())) == 1000
    assert seconds < SECONDS
    assert memory < MEGABYTES_OF_MEMORY
    assert page < MEGABYTES_OF_PAGE
