"""Work on a processor that is told to OpenVINO once, which makes a graph of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import openvino
import openvino.opset13 as opset
import torch
from openvino.frontend import NodeContext
from openvino.frontend.pytorch import ConversionExtension
from torch import Tensor

from mots_ros.detection.recorded import Work

_CORE = openvino.Core()
"""One for good: where several come and go, the stack goes with them on which a process handles its
signals."""

_KEPT = 8
"""Graphs that are kept, each for its shapes and settings, the oldest of which goes first."""


@dataclass(frozen=True)
class _Request:
    """A graph for one set of shapes; ``returned`` says which of the function's results are tensors,
    and ``found`` of what shapes those are."""

    request: openvino.InferRequest
    found: list[tuple[int, ...]]
    returned: list[bool]

    def prepare(self, given: Sequence[Tensor]) -> list[Tensor]:
        """Be ready to work on these tensors; returns those that will hold the results."""
        # Another camera's frame may still be in work; it is its own if that goes wrong.
        with suppress(RuntimeError):
            self.request.wait()
        # Whoever asked keeps them; a request's own are overwritten by the next frame.
        found = [torch.empty(shape) for shape in self.found]
        for i, tensor in enumerate(given):
            self.request.set_input_tensor(i, _shared(tensor))
        for i, tensor in enumerate(found):
            self.request.set_output_tensor(i, _shared(tensor))
        return found

    def result(self, found: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """What the function returns, of which these are those that are tensors."""
        rest = iter(found)
        return tuple(next(rest) if returned else None for returned in self.returned)


class _InWork:
    """Waits for what a request makes of tensors, and gives it. They live until it is done with
    them, also where nobody asks."""

    def __init__(self, it: _Request, given: Sequence[Tensor], found: Sequence[Tensor]) -> None:
        self._it, self._given, self._found = it, given, found

    def __call__(self) -> tuple[Tensor | None, ...]:
        self._it.request.wait()
        return self._it.result(self._found)

    def __del__(self) -> None:
        self._it.request.wait()


def _shared(tensor: Tensor) -> openvino.Tensor:
    return openvino.Tensor(tensor.numpy(), shared_memory=True)


def _deformable(node: NodeContext) -> list[openvino.Output]:
    """What ``nets.deformable`` computes, as OpenVINO does it."""
    x, offset, mask, weight, bias = (node.get_input(index) for index in range(5))
    once = [1, 1]
    sampled = opset.deformable_convolution(
        x, offset, weight, once, once, once, once, mask=mask, bilinear_interpolation_pad=True
    )
    return opset.add(sampled, opset.unsqueeze(bias, opset.constant([1, 2]))).outputs()


_OPERATIONS = [ConversionExtension("mots_ros::deformable_convolution", _deformable)]


@dataclass(frozen=True)
class _Translated:
    """A graph for any shapes, but for these settings."""

    model: openvino.Model
    settings: Mapping[str, Any]
    returned: list[bool]


class Compiled:
    """A function of tensors as a graph, for the shapes that it meets, and the settings.

    Where the function rounds to eight bits, the graph multiplies integers. The function must do the
    same whatever the tensors hold, and its weights must want no gradients.

    Not for several threads at once.
    """

    def __init__(self, work: Work, threads: int) -> None:
        self._work = work
        self._threads = threads
        self._translated: _Translated | None = None
        self._requests: dict[tuple[Any, ...], _Request] = {}

    def __call__(self, *given: Any, **settings: Any) -> tuple[Any, ...]:
        """What the function makes of tensors, and None where there is none."""
        it, here = self._request(given, settings)
        found = it.prepare(here)
        it.request.infer(share_outputs=True)
        return it.result(found)

    def start(self, *given: Any, **settings: Any) -> Callable[[], tuple[Any, ...]]:
        """As a call, but other threads do the work while the caller goes on; what comes back waits
        for the result, and may do so in any thread."""
        it, here = self._request(given, settings)
        found = it.prepare(here)
        it.request.start_async()
        return _InWork(it, here, found)

    def forget(self) -> None:
        """Give the graphs' memory back."""
        self._requests.clear()

    def _request(
        self, given: Sequence[Tensor | None], settings: Mapping[str, Any]
    ) -> tuple[_Request, list[Tensor]]:
        """The graph for these tensors, and those of them that it takes."""
        here = [tensor.contiguous() for tensor in given if tensor is not None]
        key = *(tensor.shape for tensor in here), *settings.items()
        if key not in self._requests:
            if len(self._requests) == _KEPT:
                del self._requests[next(iter(self._requests))]
            self._requests[key] = self._compiled(given, settings)
        # The last one used is the last to go.
        it = self._requests[key] = self._requests.pop(key)
        return it, here

    def _compiled(self, given: Sequence[Tensor | None], settings: Mapping[str, Any]) -> _Request:
        """The graph for these settings and the shapes of these tensors."""
        if self._translated is None or self._translated.settings != settings:
            self._translated = self._translate(given, settings)
        model = self._translated.model
        present = [tensor for tensor in given if tensor is not None]
        model.reshape({i: list(tensor.shape) for i, tensor in enumerate(present)})
        properties = {
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1,
            # A robot has other programs, and the system knows which cores they leave free.
            "ENABLE_CPU_PINNING": False,
            # Of all but the integers: to and from bfloat16 takes longer than it saves.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = _CORE.compile_model(model, "CPU", properties)
        found = [tuple(each.shape) for each in compiled.outputs]
        return _Request(compiled.create_infer_request(), found, self._translated.returned)

    def _translate(
        self, given: Sequence[Tensor | None], settings: Mapping[str, Any]
    ) -> _Translated:
        """The graph for any shape; neither it nor what it is made from knows None."""
        returned: list[bool] = []

        def work(*tensors: Tensor) -> tuple[Tensor, ...]:
            rest = iter(tensors)
            passed = (None if each is None else next(rest) for each in given)
            found = self._work(*passed, **settings)
            returned[:] = [each is not None for each in found]
            return tuple(each for each in found if each is not None)

        example = tuple(tensor for tensor in given if tensor is not None)
        with warnings.catch_warnings():
            # Torch would like its newer tracer to be used, and says so of each tensor, too.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(work, example, check_trace=False)
            model = openvino.convert_model(traced, example_input=example, extension=_OPERATIONS)
        return _Translated(model, dict(settings), returned)
