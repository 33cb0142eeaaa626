"""Work on a processor that is told to OpenVINO once, which makes a graph of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
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
"""Shapes whose graphs are kept, the oldest of which goes first."""

_Request = tuple[openvino.InferRequest, list[tuple[int, ...]]]


def _deformable(node: NodeContext) -> list[openvino.Output]:
    """What ``nets.deformable`` computes, as OpenVINO does it."""
    x, offset, mask, weight, bias = (node.get_input(index) for index in range(5))
    once = [1, 1]
    sampled = opset.deformable_convolution(
        x, offset, weight, once, once, once, once, mask=mask, bilinear_interpolation_pad=True
    )
    return opset.add(sampled, opset.unsqueeze(bias, opset.constant([1, 2]))).outputs()


_OPERATIONS = [ConversionExtension("mots_ros::deformable_convolution", _deformable)]


class Compiled:
    """A function of tensors as a graph, for the shapes that it meets.

    Where the function rounds to eight bits, the graph multiplies integers. The function must do the
    same whatever the tensors hold, and its weights must want no gradients.

    Not for several threads at once.
    """

    def __init__(self, work: Work, threads: int) -> None:
        self._work = work
        self._threads = threads
        self._model: openvino.Model | None = None
        self._returned: list[bool] = []
        self._requests: dict[tuple[Any, ...], _Request] = {}

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        """What the function makes of tensors, and None where there is none."""
        here = [tensor.contiguous() for tensor in given if tensor is not None]
        shapes = tuple(tensor.shape for tensor in here)
        if shapes not in self._requests:
            if len(self._requests) == _KEPT:
                del self._requests[next(iter(self._requests))]
            self._requests[shapes] = self._compiled(given)
        # The last one used is the last to go.
        request, found_shapes = self._requests[shapes] = self._requests.pop(shapes)
        # Whoever asked keeps them; a request's own are overwritten by the next frame.
        found = [torch.empty(shape) for shape in found_shapes]
        for i, tensor in enumerate(here):
            request.set_input_tensor(i, openvino.Tensor(tensor.numpy(), shared_memory=True))
        for i, tensor in enumerate(found):
            request.set_output_tensor(i, openvino.Tensor(tensor.numpy(), shared_memory=True))
        request.infer(share_outputs=True)
        rest = iter(found)
        return tuple(next(rest) if returned else None for returned in self._returned)

    def forget(self) -> None:
        """Give the graphs' memory back."""
        self._requests.clear()

    def _compiled(self, given: Sequence[Tensor | None]) -> _Request:
        """The graph for the shapes of these, and the shapes of what it gives."""
        if self._model is None:
            self._model = self._translated(given)
        present = [tensor for tensor in given if tensor is not None]
        self._model.reshape({i: list(tensor.shape) for i, tensor in enumerate(present)})
        settings = {
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1,
            # A robot has other programs, and the system knows which cores they leave free.
            "ENABLE_CPU_PINNING": False,
            # Of all but the integers: to and from bfloat16 takes longer than it saves.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = _CORE.compile_model(self._model, "CPU", settings)
        return compiled.create_infer_request(), [tuple(each.shape) for each in compiled.outputs]

    def _translated(self, given: Sequence[Tensor | None]) -> openvino.Model:
        """The graph for any shape; neither it nor what it is made from knows None."""

        def work(*tensors: Tensor) -> tuple[Tensor, ...]:
            rest = iter(tensors)
            found = self._work(*(None if each is None else next(rest) for each in given))
            self._returned = [each is not None for each in found]
            return tuple(each for each in found if each is not None)

        example = tuple(tensor for tensor in given if tensor is not None)
        with warnings.catch_warnings():
            # Torch would like its newer tracer to be used, and says so of each tensor, too.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(work, example, check_trace=False)
            return openvino.convert_model(traced, example_input=example, extension=_OPERATIONS)
