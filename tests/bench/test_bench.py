"""The benchmark measures what it says it does. No test looks at how fast anything is."""

from __future__ import annotations

import json

import pytest
import torch

from lkca_exp.bench import cases, gpu, model, op
from lkca_exp.bench.contenders import OURS, PAPER, PEERS, Contender, as_published, contenders, paper_contenders
from lkca_exp.bench.machine import matmul_peak
from lkca_exp.bench.model import Way, ratios_to
from lkca_exp.bench.model import measure as measure_models
from lkca_exp.bench.train import bare_loop, lightning_loop, measure
from lkca_exp.cli.bench import main
from lkca_exp.data.prepare import prepare
from lkca_exp.models.large_kernel import direct


def test_a_case(job):
    made = job("protocol=final")
    figures = measure(made, rounds=1, peak=1e11)
    assert set(figures) >= {"bare_ms_per_step", "ours_ms_per_step", "overhead_ms_per_step", "overhead_percent"}
    difference = figures["ours_ms_per_step"] - figures["bare_ms_per_step"]
    assert figures["overhead_ms_per_step"] == pytest.approx(difference)
    assert figures["ours_images_per_s"] == pytest.approx(1000 * 64 / figures["ours_ms_per_step"])


def test_the_bare_loop_trains_the_same_model(job, monkeypatch):
    """Both loops end with the same weights, so that the comparison is one of like with like."""
    made = job("protocol=final", "model.drop_path=0")
    ended = []
    from torch.optim import AdamW

    step = AdamW.step

    def remembering(self, *args, **kwargs):
        result = step(self, *args, **kwargs)
        ended.append([p.detach().clone() for group in self.param_groups for p in group["params"]])
        return result

    monkeypatch.setattr(AdamW, "step", remembering)
    data = prepare(made.config)
    bare_loop(made, data)
    bare, num_steps = ended[-1], len(ended)
    lightning_loop(made, data)
    assert len(ended) == 2 * num_steps
    assert all((a == b).all() for a, b in zip(bare, ended[-1], strict=True))


def test_the_peak_is_a_rate_of_this_machine():
    assert 1e8 < matmul_peak("cpu", "fp32", side=256) < 1e15


def test_the_operators_cases():
    cases = list(op.grid_of_cases([4, 8], None, ["channel"], ["fp32"]))
    assert [(case.n, case.side, case.batch) for case in cases] == [
        *((4, side, 128) for side in (3, 5, 7)),
        *((8, side, 128) for side in (3, 5, 7, 11, 15)),
    ]


def test_a_case_of_the_operator(monkeypatch):
    monkeypatch.setattr(direct, "works", lambda: False)
    figures = op.measure(op.Case(4, 7, "head", "fp32", batch=2), rounds=1, device="cpu")
    ms = figures["ms"]
    assert set(ms) == {"convolution", "toeplitz", *op.REFERENCES}
    assert figures["times_as_fast_as"]["conv2d"] == pytest.approx(ms["conv2d"] / ms[figures["auto"]])
    assert figures["auto_over_best"] >= 1
    output, gradient = (2 * 16 * 192 * 4,) * 2
    assert all(megabytes >= (output + gradient) / 1e6 for megabytes in figures["memory_mb"].values())


SMALL = ("data=cifar100", "model.size=lee2021", "model.width=24", "model.depth=1", "model.drop_path=0")
PEAKS = {"fp32": 1e11, "bf16": 1e12}


@pytest.fixture(scope="module")
def small_models() -> dict[str, Contender]:
    return {model.name: model for model in contenders(SMALL)}


def test_the_models_are_of_one_size(small_models):
    assert list(small_models) == [*OURS.values(), *PEERS]
    attention, lkca, timm, vit_pytorch = small_models.values()
    assert attention.parameters == timm.parameters
    assert attention.flops_per_image == timm.flops_per_image == vit_pytorch.flops_per_image
    tokens, width = 64, 24
    queries_to_output, own_products = 2 * 4 * tokens * width**2, 2 * 2 * tokens**2 * width
    matrix = 2 * tokens**2 * width
    assert attention.flops_per_image - lkca.flops_per_image == queries_to_output + own_products - matrix


def test_lkca_as_published_computes_the_same():
    lkca, published, vit, *_ = paper_contenders(further=["model.depth=2", "model.drop_path=0"])
    assert (published.name, published.parameters) == (as_published(lkca.name), lkca.parameters)
    assert PAPER[lkca.name] == vit.name
    ours, theirs = (contender.make(4, torch.float32, "cpu").double() for contender in (lkca, published))
    kernel = torch.randn(1, 15, 15, dtype=torch.float64)
    for our_block, their_block in zip(ours.blocks, theirs.blocks, strict=True):
        our_block.mixer.kernel.data = kernel
        their_block.mixer.kernel.data = kernel[None]
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", ["eager", pytest.param("compiled", marks=pytest.mark.slow)])
def test_models_are_measured(small_models, form):
    ways = [Way("fp32", form), Way("bf16", form)]
    figures = measure_models([*small_models.values()], ways, batch=2, rounds=1, peaks=PEAKS, device="cpu")
    for name, each in figures.items():
        best = max(each["images_per_s"].values())
        assert each["images_per_s"][each["best"]] == best > 0
        for way, rate in each["images_per_s"].items():
            share = 100 * 3 * small_models[name].flops_per_image * rate / PEAKS[way[:4]]
            assert each["share_of_peak_percent"][way] == pytest.approx(share)


def test_a_model_is_held_against_each_other_in_its_best_way_and_in_every_way():
    rates = {"ours": (1.0, 6.0), "theirs": (4.0, 2.0)}
    models = {
        name: {"images_per_s": {"fp32": fp32, "bf16": bf16}, "best": "bf16" if bf16 > fp32 else "fp32"}
        for name, (fp32, bf16) in rates.items()
    }
    expected = {"theirs": {"best": 6 / 4, "fp32": 1 / 4, "bf16": 6 / 2}}
    assert ratios_to(models, "ours", ["theirs", "not measured"]) == expected


def test_the_operators_command(tmp_path):
    chosen = ["--grid", "4", "--kernel", "7", "--sharing", "channel", "--precision", "fp32", "--rounds", "1"]
    main(["op", *chosen, "--json", str(tmp_path / "figures.json")])
    (case,) = json.loads((tmp_path / "figures.json").read_text())["cases"].values()
    assert "direct" in case["ms"]


@pytest.mark.slow
def test_the_command(cli, tmp_path):
    done = cli("train", "--rounds", "1", "--json", "figures.json", module="lkca_exp.bench", timeout=600)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures["cases"]) == 4
    assert "overhead" in done.stdout


def test_the_bench_of_gpus_tried_out_on_a_cpu(tmp_path):
    files = ["--json", str(tmp_path / "gpu.json"), "--markdown", str(tmp_path / "gpu.md")]
    main(["gpu", "--device", "cpu", "--small", "--rounds", "1", "--part", *cases.GPU_PARTS, *files])
    torch.backends.cudnn.allow_tf32 = True
    figures = json.loads((tmp_path / "gpu.json").read_text())
    assert list(figures["parts"]) == list(cases.GPU_PARTS)
    assert {row["in"] for row in figures["parts"]["op"]} == {"fp32", "tf32", "bf16"}
    times = ("toeplitz", "convolution", "conv2d", "channels_last", "attention fp32", "attention bf16")
    assert all(row[name] > 0 for row in figures["parts"]["op"] for name in times)
    for row in figures["parts"]["models"]:
        assert row["images/s"] == round(2000 / row["eager, ms"])
    (job,) = figures["parts"]["jobs"]
    assert (job["failed"], job["images/s"] > 0) == (0, True)
    written = (tmp_path / "gpu.md").read_text()
    assert "| n | K | kernel per | in |" in written
    assert written.count("| lkca_t |") == 3


def test_what_a_command_may_name_is_what_the_benches_have():
    assert (set(cases.SUITES), set(cases.SHARINGS)) == (set(model.SUITES), set(op.SHARINGS))
    assert set(cases.GPU_PARTS) == set(gpu.PARTS)


@pytest.mark.parametrize(
    "command", [["gpu"], *([bench, "--device", "gpu"] for bench in ("train", "model", "data", "op"))]
)
def test_the_bench_of_a_gpu_needs_one(command, capsys, monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"{name} was loaded before the answer"))
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert "There is no GPU" in capsys.readouterr().err
