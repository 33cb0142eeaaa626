"""The network as an ONNX graph, the door to TensorRT and other runtimes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from mots_ros.nets.folding import fold_normalisation
from mots_ros.nets.normalise import statistics
from mots_ros.nets.searchtrack import SearchTrackNet

_OPSET = 17


class ExportError(RuntimeError):
    """The graph cannot be written; the message says why."""


class Graph(nn.Module):
    """The network from pixels to all maps, in float32 and for one image.

    Unlike the package's own detector, which evaluates the two controllers where objects are, it
    gives their kernels everywhere: a graph has no peaks to ask for.
    """

    def __init__(self, net: SearchTrackNet) -> None:
        super().__init__()
        self.net = net
        spec = net.spec
        self.outputs = ["heat", "size", "search", "search_kernels"]
        self.outputs += ["offset"] * spec.offset_head + ["amodal"] * spec.amodal_head
        self.outputs += ["mask", "mask_kernels"] * spec.mask_head

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """RGB [1, 3, H, W] from 0 to 255 -> ``outputs`` [1, channels, H / 4, W / 4]; the features
        of fine masks are [1, 8, H / 2, W / 2].

        ``heat`` is probabilities, the others are as in ``HeadMaps``; kernels are weights for
        ``dynamic_network``.
        """
        net = self.net
        mean, deviation = (channels.view(3, 1, 1) for channels in statistics())
        features = net.features((image - mean) / deviation)
        maps = net.heads(features)
        found = {
            "heat": maps.heat.sigmoid(),
            "size": maps.size,
            "search": maps.search,
            "search_kernels": net.sch_weight(features.shared),
            "offset": maps.offset,
            "amodal": maps.amodal,
            "mask": maps.mask,
            "mask_kernels": net.conv_weight(features.shared) if net.conv_weight else None,
        }
        return tuple(map(found.__getitem__, self.outputs))


def export(net: SearchTrackNet, path: Path, input_size: tuple[int, int]) -> None:
    """Write the graph of a network, which is changed, for inputs of ``input_size`` (H, W).

    The file's metadata name the classes.

    Raises:
        ExportError: the package onnx is not installed, or the size is no multiple of 32.
    """
    try:
        import onnx
    except ImportError:
        raise ExportError("this needs the package onnx: pip install onnx") from None
    if any(side < 32 or side % 32 for side in input_size):
        raise ExportError(f"expected an input of multiples of 32, found {input_size}")
    fold_normalisation(net.eval())
    graph = Graph(net)
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        # torch would like its newer exporter to be used, which needs two more packages.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (torch.zeros(1, 3, *input_size),),
            str(partial),
            input_names=["image"],
            output_names=graph.outputs,
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(str(partial))
    onnx.helper.set_model_props(model, {"classes": ", ".join(net.spec.class_names)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(partial))
    partial.replace(path)
