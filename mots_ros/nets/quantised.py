"""Convolutions in eight bits, of which many processors multiply several times as many at once.

Here all numbers are rounded as they will be, and multiplied in float32, which takes longer than
without; ``detection.compiled`` makes integers of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from mots_ros.nets.searchtrack import SearchTrackNet

Ranges = Mapping[str, tuple[float, float]]
"""From where to where the values that a convolution sees usually reach, by its name."""

_ROUNDING = ContextVar("rounding", default=True)


@contextmanager
def unrounded() -> Iterator[None]:
    """Let quantised networks compute as they did before, in this thread."""
    before = _ROUNDING.set(False)
    try:
        yield
    finally:
        _ROUNDING.reset(before)


def quantise(net: SearchTrackNet, ranges: Ranges) -> None:
    """Round what these convolutions see and their weights to eight bits, for inference alone.

    Inputs to 256 steps over their range, one of them at 0, beyond which they are cut; weights to
    255 steps around 0, as far as those of their output channel reach.
    """
    net.requires_grad_(False)
    for name, (low, high) in ranges.items():
        convolution = net.get_submodule(name)
        low = min(low, 0.0)
        step = max(high - low, 1e-6) / 255
        convolution.register_forward_pre_hook(_rounding(step, round(-low / step)))
        assert isinstance(convolution.weight, Tensor)
        register_parametrization(convolution, "weight", _RoundedWeight(convolution.weight))


@torch.inference_mode()
def observed_ranges(net: SearchTrackNet, images: Iterable[Tensor]) -> Ranges:
    """What the convolutions that may be quantised see in normalised images, each [1, 3, H, W].

    The means of the images' smallest and largest values: a rare one is cut, so that all others are
    told apart.
    """
    found: dict[str, list[tuple[float, float]]] = {}

    def look(name: str, _: nn.Module, given: tuple[Any, ...]) -> None:
        low, high = given[0].aminmax()
        found.setdefault(name, []).append((float(low), float(high)))

    narrow = {module for part in net.narrow_parts() for module in part.modules()}
    narrow.difference_update(net.tap_layers())
    with ExitStack() as stack:
        for name, module in net.named_modules():
            if module in narrow and isinstance(module, nn.Conv2d):
                hook = module.register_forward_pre_hook(partial(look, name))
                stack.callback(hook.remove)
        for image in images:
            net.heads(net.features(image))
    return {
        name: (fmean(low for low, _ in each), fmean(high for _, high in each))
        for name, each in found.items()
    }


def _rounding(step: float, zero: int) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
    def rounded(_: nn.Module, given: tuple[Tensor]) -> Tensor:
        if not _ROUNDING.get():
            return given[0]
        return torch.fake_quantize_per_tensor_affine(given[0], step, zero, 0, 255)

    return rounded


class _RoundedWeight(nn.Module):
    """Weights [C_out, C_in, h, w] in 127 steps to either side of 0, of each output channel."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        reach = weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=1e-12)
        self._steps, self._zeros = reach / 127, torch.zeros(len(reach), dtype=torch.int32)

    def forward(self, weight: Tensor) -> Tensor:
        if not _ROUNDING.get():
            return weight
        return torch.fake_quantize_per_channel_affine(
            weight, self._steps, self._zeros, 0, -127, 127
        )
