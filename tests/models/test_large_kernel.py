"""The operator against slow and independent ones: scipy's correlation forward, a loop over pairs of tokens backward.

Shapes: B batch, N = h*w tokens, C channels, K kernel side, G kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d
from torch import Tensor
from torch.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from lkca_exp.models.large_kernel import direct, large_kernel_mix, toeplitz
from lkca_exp.models.large_kernel.rule import Problem, fastest_backend
from lkca_exp.models.large_kernel.toeplitz import fold_by_gathering, fold_by_scattering, toeplitz_matrix

COMPUTED = ("convolution", "toeplitz", "direct")


class Case(NamedTuple):
    tokens: Tensor
    kernel: Tensor
    upstream: Tensor
    grid: tuple[int, int]


def make_case(batch: int, grid: tuple[int, int], channels: int, num_kernels: int, side: int, seed: int = 0) -> Case:
    """Normal numbers in float64; `upstream` is the gradient that reaches the output."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    shape = (batch, grid[0] * grid[1], channels)
    return Case(normal(*shape), normal(num_kernels, side, side), normal(*shape), grid)


def mix_by_scipy(case: Case) -> np.ndarray:
    batch, _, channels = case.tokens.shape
    num_kernels, side, _ = case.kernel.shape
    image = case.tokens.numpy().reshape(batch, *case.grid, channels)
    mixed = np.empty_like(image)
    for b in range(batch):
        for c in range(channels):
            padded = np.pad(image[b, :, :, c], side // 2)
            mixed[b, :, :, c] = correlate2d(padded, case.kernel[c // (channels // num_kernels)].numpy(), mode="valid")
    return mixed.reshape(batch, -1, channels)


def gradients_by_loops(case: Case) -> tuple[np.ndarray, np.ndarray]:
    tokens, kernel, upstream = (tensor.numpy() for tensor in case[:3])
    channels, (num_kernels, side, _), columns = tokens.shape[2], kernel.shape, case.grid[1]
    head = np.arange(channels) // (channels // num_kernels)
    to_tokens, to_kernel = np.zeros_like(tokens), np.zeros_like(kernel)
    for i in range(tokens.shape[1]):
        for j in range(tokens.shape[1]):
            row = j // columns - i // columns + side // 2
            column = j % columns - i % columns + side // 2
            if 0 <= row < side and 0 <= column < side:
                to_tokens[:, j] += upstream[:, i] * kernel[head, row, column]
                np.add.at(to_kernel[:, row, column], head, (upstream[:, i] * tokens[:, j]).sum(axis=0))
    return to_tokens, to_kernel


def run(case: Case, backend: str, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Output, gradient to the tokens, gradient to the kernel."""
    tokens, kernel = (tensor.detach().to(dtype).requires_grad_() for tensor in case[:2])
    mixed = large_kernel_mix(tokens, kernel, case.grid, backend)
    to_tokens, to_kernel = torch.autograd.grad(mixed, (tokens, kernel), case.upstream.to(mixed.dtype))
    return mixed.detach(), to_tokens, to_kernel


def bfloat16_tolerance(backend: str) -> float:
    """The convolution is torch's, which sums in bfloat16 on a processor without instructions for it."""
    return 1e-2 if backend != "convolution" or torch.ops.mkldnn._is_mkldnn_bf16_supported() else 2e-2


def assert_close(results: tuple[Tensor, ...], references: tuple[Tensor | np.ndarray, ...], tolerance: float) -> None:
    """Errors are measured against the largest value of the reference."""
    for result, reference in zip(results, references, strict=True):
        wanted = torch.as_tensor(reference, dtype=torch.float64)
        assert result.shape == wanted.shape
        error = (result.double() - wanted).abs().max() / wanted.abs().max().clamp(min=1)
        assert error <= tolerance


@st.composite
def cases(draw: st.DrawFn) -> Case:
    grid = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    num_kernels = draw(st.integers(1, 3))
    channels = num_kernels * draw(st.integers(1, 3))
    side = 2 * draw(st.integers(0, max(grid) - 1)) + 1
    return make_case(draw(st.integers(1, 3)), grid, channels, num_kernels, side, seed=draw(st.integers(0, 1000)))


@pytest.mark.parametrize("backend", COMPUTED)
@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_output_and_gradients_match_scipy_and_loops(backend: str, case: Case) -> None:
    assert_close(run(case, backend), (mix_by_scipy(case), *gradients_by_loops(case)), tolerance=1e-12)


@pytest.mark.parametrize("backend", COMPUTED)
@pytest.mark.parametrize("num_kernels", [6, 3, 1])
def test_a_full_kernel_of_a_real_size(backend: str, num_kernels: int) -> None:
    case = make_case(batch=3, grid=(7, 7), channels=6, num_kernels=num_kernels, side=13)
    assert_close(run(case, backend), (mix_by_scipy(case), *gradients_by_loops(case)), tolerance=1e-12)


@pytest.mark.parametrize("backend", COMPUTED)
@pytest.mark.parametrize("num_kernels", [8, 4, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision_errs_by_its_rounding(backend: str, num_kernels: int, dtype: torch.dtype) -> None:
    tolerance = 2e-6 if dtype == torch.float32 else bfloat16_tolerance(backend)
    case = make_case(batch=4, grid=(6, 6), channels=8, num_kernels=num_kernels, side=11)
    results = run(case, backend, dtype)
    assert {result.dtype for result in results} == {dtype}
    assert_close(results, run(case, "toeplitz"), tolerance)


@pytest.mark.parametrize("backend", COMPUTED)
@pytest.mark.parametrize("num_kernels", [8, 4, 1])
def test_autocast_computes_in_bfloat16_and_keeps_float32_gradients(backend: str, num_kernels: int) -> None:
    case = make_case(batch=4, grid=(6, 6), channels=8, num_kernels=num_kernels, side=11)
    with torch.autocast("cpu", torch.bfloat16):
        results = run(case, backend, torch.float32)
    assert [result.dtype for result in results] == [torch.bfloat16, torch.float32, torch.float32]
    assert_close(results, run(case, "toeplitz"), bfloat16_tolerance(backend))


@pytest.mark.parametrize("backend", COMPUTED)
@pytest.mark.parametrize("num_kernels", [16, 4, 1])
def test_same_inputs_give_the_same_bits(backend: str, num_kernels: int) -> None:
    case = make_case(batch=32, grid=(8, 8), channels=16, num_kernels=num_kernels, side=15)
    first = run(case, backend, torch.float32)
    for _ in range(5):
        assert all(map(torch.equal, run(case, backend, torch.float32), first))


@pytest.mark.parametrize("backend", COMPUTED)
def test_strided_tokens_and_kernels_are_welcome(backend: str) -> None:
    case = make_case(batch=2, grid=(3, 4), channels=6, num_kernels=3, side=5)
    strided = Case(case.tokens.transpose(1, 2).contiguous().transpose(1, 2), case.kernel.mT.contiguous().mT, *case[2:])
    assert_close(run(strided, backend), run(case, backend), tolerance=1e-14)


@pytest.mark.parametrize("side", [1, 3, 5, 7])
def test_toeplitz_matrix_is_the_papers_construction(side: int) -> None:
    """Slide an n x n window over the (2n-1) x (2n-1) matrix from the bottom-right corner to the top-left."""
    n = (side + 1) // 2
    weights = np.random.RandomState(0).standard_normal((2, side, side))
    stops = [(row, column) for row in reversed(range(n)) for column in reversed(range(n))]
    expected = [[kernel[row : row + n, column : column + n].ravel() for row, column in stops] for kernel in weights]
    np.testing.assert_array_equal(toeplitz_matrix(torch.from_numpy(weights), (n, n)).numpy(), np.array(expected))


@pytest.mark.parametrize("grid", [(3, 3), (2, 5)])
def test_toeplitz_matrix_is_zero_beyond_the_reach_of_a_small_kernel(grid: tuple[int, int]) -> None:
    matrix = toeplitz_matrix(torch.ones(1, 3, 3), grid)[0]
    rows, columns = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    near = (abs(rows[:, None] - rows) <= 1) & (abs(columns[:, None] - columns) <= 1)
    np.testing.assert_array_equal(matrix.numpy(), near)


@pytest.mark.parametrize(
    ("backend", "operation"), [("convolution", torch.ops.aten.convolution), ("toeplitz", torch.ops.aten.bmm)]
)
@pytest.mark.parametrize("num_kernels", [4, 2, 1])
def test_a_view_really_computes_what_it_is_called(backend: str, operation: object, num_kernels: int) -> None:
    case = make_case(batch=2, grid=(3, 3), channels=4, num_kernels=num_kernels, side=5)
    with FlopCounterMode(display=False) as counter:
        large_kernel_mix(case.tokens, case.kernel, case.grid, backend)
    assert set(counter.get_flop_counts()["Global"]) == {operation}


def test_direct_computes_what_it_is_called() -> None:
    """Padding is left out: 2 + 3 + 2 rows are joined, and as many columns."""
    case = make_case(batch=2, grid=(3, 3), channels=4, num_kernels=4, side=3)
    with FlopCounterMode(display=False) as counter:
        large_kernel_mix(case.tokens, case.kernel, case.grid, "direct")
    assert counter.get_total_flops() == 2 * 2 * 4 * (2 + 3 + 2) ** 2


def test_auto_is_what_the_rule_says() -> None:
    case = make_case(batch=2, grid=(4, 4), channels=4, num_kernels=4, side=7)
    backend = fastest_backend(Problem.of(case.tokens, case.kernel, case.grid))
    assert all(map(torch.equal, run(case, "auto", torch.float32), run(case, backend, torch.float32)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("num_kernels", [64, 4, 1])
def test_the_rule_names_what_is_there(num_kernels: int, dtype: torch.dtype) -> None:
    for n in (4, 7, 8, 16, 32):
        for side in range(1, 2 * n, 2):
            problem = Problem(64, (n, n), 64, num_kernels, side, dtype, "cpu")
            assert fastest_backend(problem, compiler=False) in ("convolution", "toeplitz")
            assert fastest_backend(problem, compiler=True) in COMPUTED


@pytest.mark.parametrize(
    ("num_kernels", "n", "side", "dtype", "without", "compiler"),
    [
        (64, 8, 3, torch.float32, "convolution", "convolution"),
        (64, 8, 5, torch.float32, "convolution", "direct"),
        (64, 8, 15, torch.float32, "toeplitz", "direct"),
        (64, 16, 7, torch.float32, "convolution", "direct"),
        (64, 8, 3, torch.bfloat16, "convolution", "direct"),
        (64, 16, 31, torch.bfloat16, "toeplitz", "direct"),
        (4, 8, 15, torch.bfloat16, "toeplitz", "direct"),
        (4, 16, 31, torch.float32, "toeplitz", "direct"),
        (4, 16, 31, torch.bfloat16, "toeplitz", "toeplitz"),
        (1, 4, 3, torch.float32, "toeplitz", "toeplitz"),
        (1, 8, 3, torch.float32, "convolution", "convolution"),
        (1, 8, 7, torch.float32, "toeplitz", "direct"),
        (1, 8, 11, torch.float32, "toeplitz", "toeplitz"),
        (1, 16, 15, torch.float32, "toeplitz", "direct"),
        (1, 8, 7, torch.bfloat16, "toeplitz", "toeplitz"),
        (1, 16, 11, torch.bfloat16, "toeplitz", "direct"),
        (1, 16, 31, torch.float32, "toeplitz", "toeplitz"),
    ],
)
def test_the_rule(num_kernels: int, n: int, side: int, dtype: torch.dtype, without: str, compiler: str) -> None:
    problem = Problem(128, (n, n), 64, num_kernels, side, dtype, "cpu")
    assert (fastest_backend(problem, compiler=False), fastest_backend(problem, compiler=True)) == (without, compiler)


@pytest.mark.parametrize(
    ("num_kernels", "n", "side", "fp32", "bf16"),
    [
        (192, 8, 15, "toeplitz", "toeplitz"),
        (1, 8, 15, "toeplitz", "toeplitz"),
        (192, 8, 3, "toeplitz", "convolution"),
        (1, 8, 3, "toeplitz", "toeplitz"),
        (12, 16, 7, "toeplitz", "convolution"),
        (192, 16, 3, "convolution", "convolution"),
        (192, 16, 31, "toeplitz", "toeplitz"),
        (192, 32, 63, "convolution", "convolution"),
        (1, 32, 63, "toeplitz", "toeplitz"),
        (1, 128, 255, "convolution", "convolution"),
    ],
)
def test_the_rule_of_a_gpu_asks_neither_a_clock_nor_the_batch(
    num_kernels: int, n: int, side: int, fp32: str, bf16: str
) -> None:
    for batch in (1, 128):
        for dtype, backend in ((torch.float32, fp32), (torch.bfloat16, bf16)):
            assert fastest_backend(Problem(batch, (n, n), 192, num_kernels, side, dtype, "cuda")) == backend


@pytest.mark.parametrize(("grid", "side"), [((4, 4), 7), ((5, 3), 9), ((4, 6), 3), ((1, 1), 1)])
def test_a_gpu_folds_a_gradient_as_a_cpu_does(grid: tuple[int, int], side: int) -> None:
    num_tokens = grid[0] * grid[1]
    matrix = torch.randn(3, num_tokens, num_tokens, dtype=torch.double)
    gathered, scattered = fold_by_gathering(matrix, grid, side), fold_by_scattering(matrix, grid, side)
    torch.testing.assert_close(gathered, scattered, rtol=1e-12, atol=1e-12)
    assert fold_by_gathering(matrix.bfloat16(), grid, side).dtype == torch.float32, "sums are of higher precision"


def test_training_works_after_a_first_use_in_inference_mode() -> None:
    case = make_case(batch=2, grid=(5, 9), channels=4, num_kernels=4, side=17)  # a grid that no other test uses
    with torch.inference_mode():
        large_kernel_mix(case.tokens, case.kernel, case.grid, "toeplitz")
    assert_close(run(case, "toeplitz"), run(case, "convolution"), tolerance=1e-12)


@pytest.mark.parametrize("backend", ["toeplitz", "direct"])
def test_many_threads_change_no_bit(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for num_kernels in (12, 3):
        case = make_case(batch=3, grid=(3, 5), channels=12, num_kernels=num_kernels, side=7)
        results = []
        for threads in (1, 2):
            monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
            results.append(run(case, backend, torch.float32))
        assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("num_kernels", [4, 2])
@pytest.mark.parametrize("compiler", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_many_tokens_are_mixed_in_one_piece(num_kernels: int, compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toeplitz, "LARGE", 0)
    with profile() as profiled:
        test_compiles_into_one_graph("toeplitz", num_kernels, compiler)
    ran = {event.key for event in profiled.key_averages()}
    assert {"lkca_exp::toeplitz_mix", "lkca_exp::toeplitz_gradients"} <= ran


@pytest.mark.parametrize("backend", COMPUTED)
@pytest.mark.parametrize("num_kernels", [4, 1])
@pytest.mark.parametrize("compiler", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiles_into_one_graph(backend: str, num_kernels: int, compiler: str) -> None:
    case = make_case(batch=2, grid=(4, 4), channels=4, num_kernels=num_kernels, side=7)
    tokens, kernel = (tensor.detach().requires_grad_() for tensor in case[:2])
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, k: large_kernel_mix(x, k, case.grid, backend), backend=compiler, fullgraph=True)
    mixed = compiled(tokens, kernel)
    results = (mixed.detach(), *torch.autograd.grad(mixed, (tokens, kernel), case.upstream))
    assert_close(results, (mix_by_scipy(case), *gradients_by_loops(case)), tolerance=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 1e-2), (torch.float16, 2e-3)])
@pytest.mark.parametrize(
    ("grid", "channels", "side"),
    [((3, 4), 3, 7), ((3, 10), 20, 9), ((17, 9), 32, 33), ((9, 20), 2, 5), ((1, 1), 8, 1)],
)
def test_direct_in_tiles_of_all_kinds(
    grid: tuple[int, int], channels: int, side: int, dtype: torch.dtype, tolerance: float
) -> None:
    case = make_case(batch=5, grid=grid, channels=channels, num_kernels=channels, side=side)
    assert_close(run(case, "direct", dtype), run(case, "toeplitz"), tolerance)


def test_direct_sums_many_images_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "TOKENS_IN_A_PART", 3 * 16)
    case = make_case(batch=8, grid=(4, 4), channels=4, num_kernels=4, side=7)
    assert_close(run(case, "direct"), run(case, "toeplitz"), tolerance=1e-13)


def test_direct_rounds_to_bfloat16_as_torch_does() -> None:
    special = [0.0, -0.0, 1e-40, 1.0, 3.3895e38, float("inf"), -float("inf"), float("nan")]
    tokens = torch.cat([torch.tensor(special), torch.randn(1000)]).bfloat16().view(1, -1, 16)
    kernel = torch.rand(16, 1, 1)
    mixed = large_kernel_mix(tokens, kernel, (1, 63), "direct")
    expected = (tokens.float() * kernel.flatten()).bfloat16()
    torch.testing.assert_close(mixed, expected, rtol=0, atol=0, equal_nan=True)


def test_direct_compiles_once_for_batches_of_all_sizes() -> None:
    direct.build_library.cache_clear()
    for batch in (5, 2, 3, 64):
        case = make_case(batch, grid=(3, 3), channels=16, num_kernels=16, side=5)
        assert_close(run(case, "direct", torch.float32), run(case, "toeplitz"), tolerance=2e-6)
        with torch.inference_mode():
            large_kernel_mix(case.tokens.float(), case.kernel.float(), case.grid, "direct")
    assert direct.build_library.cache_info().misses == 1


@pytest.mark.parametrize(("compiler", "message"), [("/nonexistent/c++", "nonexistent"), ("false", "false: status 1")])
def test_without_a_compiler_there_is_no_direct(compiler: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", compiler)
    direct.build_library.cache_clear()
    problem = direct.problem.__wrapped__()
    assert problem is not None
    assert message in problem
    case = make_case(batch=1, grid=(2, 2), channels=2, num_kernels=2, side=1)
    with pytest.raises(RuntimeError, match=message):
        run(case, "direct")


@pytest.mark.parametrize(
    ("tokens", "kernel", "grid", "backend", "message"),
    [
        ((2, 17, 4), (4, 3, 3), (4, 4), "auto", r"needs \(B, 16, C\).*class token"),
        ((16, 4), (4, 3, 3), (4, 4), "auto", r"\(16, 4\)"),
        ((2, 16, 4), (4, 3, 5), (4, 4), "auto", "square kernels"),
        ((2, 16, 4), (3, 3), (4, 4), "auto", "square kernels"),
        ((2, 16, 4), (3, 3, 3), (4, 4), "auto", "3 kernels for 4 channels"),
        ((2, 16, 4), (8, 3, 3), (4, 4), "auto", "8 kernels for 4 channels"),
        ((2, 16, 4), (4, 4, 4), (4, 4), "auto", "kernel side 4.*odd"),
        ((2, 16, 4), (4, 9, 9), (4, 4), "auto", "kernel side 9.*from 1 to 7"),
        ((2, 8, 4), (4, 9, 9), (2, 4), "auto", "kernel side 9.*from 1 to 7"),
        ((2, 16, 4), (4, 3, 3), (4, 4), "fft", "backend='fft'.*auto, convolution, toeplitz, direct"),
    ],
)
def test_what_does_not_fit_is_refused(
    tokens: tuple[int, ...], kernel: tuple[int, ...], grid: tuple[int, int], backend: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        large_kernel_mix(torch.zeros(tokens), torch.zeros(kernel), grid, backend)
