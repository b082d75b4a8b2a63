"""From a checked configuration to a model, and the two prices of a model: parameters and operations."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from pkgutil import resolve_name

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lkca_exp.config.derived import Derived, VitDerived, VitPytorchDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import KernelConfig, ModelConfig, TimmConfig, VitConfig, VitPytorchConfig
from lkca_exp.models.large_kernel.rule import Problem, fastest_backend
from lkca_exp.models.mixers.lkca import VIEWS, Lkca
from lkca_exp.models.vit import VisionTransformer
from lkca_exp.models.vit_pytorch_zoo import build_vit_pytorch_model, check_vit_pytorch_model
from lkca_exp.models.zoo import build_timm_model, check_timm_model

log = logging.getLogger(__name__)


def build_model(model: ModelConfig, derived: Derived, seed: int = 0) -> nn.Module:
    """A model with fresh weights. Those of our own follow from `seed` and each parameter's name, so that equal parts of
    two models start alike; those of other packages' models from `seed` and the order in which they are drawn. The
    global generator is left as it was.

    Raises:
        ConfigError: if timm or vit-pytorch cannot build what is asked of it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(model, VitConfig):
            assert isinstance(derived, VitDerived)
            return _build_vit(model, derived, seed)
        if isinstance(model, TimmConfig):
            return build_timm_model(model, derived)
        assert isinstance(model, VitPytorchConfig)
        assert isinstance(derived, VitPytorchDerived)
        return build_vit_pytorch_model(model, derived)


def check_buildable(model: ModelConfig, derived: Derived) -> None:
    """Raises ConfigError for a model of timm or vit-pytorch that does not fit the data set; ours have been checked
    without torch."""
    if isinstance(model, TimmConfig):
        check_timm_model(model, derived)
    if isinstance(model, VitPytorchConfig):
        assert isinstance(derived, VitPytorchDerived)
        check_vit_pytorch_model(model, derived)


def _build_vit(model: VitConfig, derived: VitDerived, seed: int) -> VisionTransformer:
    embedding, mixer = resolve_name(model.embedding.build), resolve_name(model.mixer.build)
    return VisionTransformer(
        embedding=embedding.from_config(model.embedding, derived),
        grid=derived.grid,
        num_classes=derived.num_classes,
        width=derived.width,
        depth=derived.depth,
        mlp_ratio=derived.mlp_ratio,
        positions=model.positions,
        position_std=model.position_std,
        pooling=model.pooling,
        final_norm=model.final_norm,
        norm_epsilon=model.norm_epsilon,
        mlp_residual=model.mlp_residual,
        drop_path=model.drop_path,
        drop_path_schedule=model.drop_path_schedule,
        make_mixer=lambda: mixer.from_config(model.mixer, derived),
        init=model.init,
        seed=seed,
    )


def choose_backend(
    model: ModelConfig, derived: Derived, batch_size: int, dtype: torch.dtype, device: str
) -> str | None:
    """How LKCA's kernel is computed fastest here; None for a model without one. A run keeps it to its end: another
    backend sums in another order."""
    if not isinstance(model, VitConfig) or not isinstance(model.mixer, KernelConfig):
        return None
    if model.mixer.view != "auto":
        return VIEWS[model.mixer.view]
    assert isinstance(derived, VitDerived)
    assert derived.kernel_size is not None
    num_kernels = {"channel": derived.width, "head": derived.num_heads or 1, "all": 1}[model.mixer.sharing]
    problem = Problem(batch_size, derived.grid, derived.width, num_kernels, derived.kernel_size, dtype, device)
    backend = fastest_backend(problem)
    log.debug("large-kernel backend for %s: %s", problem, backend)
    return backend


def use_backend(model: nn.Module, backend: str | None) -> None:
    """Have all kernels of a model computed by what `choose_backend` named."""
    for module in model.modules():
        if isinstance(module, Lkca) and backend is not None:
            module.backend = backend


def load_weights(model: nn.Module, file: Path) -> None:
    """Give a model the weights that a run stored.

    Raises:
        ConfigError: if the file is damaged, or of another model.
    """
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError) as error:
        rule = f"It does not hold the weights of this model ({str(error).splitlines()[0]})."
        raise ConfigError("weights", file, rule) from error


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def flops_per_image(model: nn.Module, derived: Derived, backend: str | None = None) -> int:
    """Operations of one image's forward pass in evaluation mode; a multiplication with its addition counts as two.

    Counted are matrix products and convolutions as they are run, those with padding included. So LKCA's count depends
    on its backend, the model's own or the one given: 2*N*N*C as a matrix, 2*N*K*K*C as a convolution, less where
    padding is left out. Neither the model nor a random generator is touched.
    """
    # Shapes without numbers. Nothing is computed, and attention is taken as plain products: the fused one of a CPU is
    # unknown to the counter, which would have it for free. Nor are there gradients: the counter stumbles over a view of
    # a parameter, such as an expanded class token, that asks for one and has no history.
    replica = copy.deepcopy(model).to("meta").eval().requires_grad_(False)
    use_backend(replica, backend)
    image = torch.empty(1, derived.channels, derived.image_size, derived.image_size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        replica(image)
    return counter.get_total_flops()


def no_weight_decay(model: nn.Module) -> set[str]:
    """Names of the parameters that weight decay leaves alone: biases, norms, positions, class tokens, and what a
    baseline names itself. Everything else is a weight, LKCA's kernel included."""
    spared: Callable[[], Collection[str]] = getattr(model, "no_weight_decay", tuple)
    return {name for name, parameter in model.named_parameters() if parameter.ndim <= 1 or name in spared()}
