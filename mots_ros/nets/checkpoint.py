"""Weights on disk: our own safetensors files, and the checkpoints of the released programs.

Our files carry the network's numbers in their header. SearchTrack's and CenterNet's ``.pth`` files
carry tensors alone; their network is told from the names. Nothing in a file is ever run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mots_ros.nets.quantised import Ranges
from mots_ros.nets.searchtrack import DLA34, NetworkSpec, SearchTrackNet

SpecT = TypeVar("SpecT")

OURS = ".safetensors"
RELEASED_CLASSES = {1: ("pedestrian",), 2: ("car", "pedestrian")}
"""What the classes of the released models are called, by their number."""

UNUSED = ("base.fc.", "base.pre_hm_layer.", "base.pre_img_layer.")
"""Layers that released checkpoints may hold though tracking never runs them: ImageNet's
classifier, CenterTrack's inputs of the frame before."""

BEFORE_HEADS = ("base.", "dla_up.", "ida_up.")
"""The layers upon which all heads build, those of other trackers among them."""

_STEM = "base.base_layer.0.weight"
"""What meets the image's channels."""


class CheckpointError(ValueError):
    """A weights file is missing, damaged or of another network; the message names it."""


@dataclass(frozen=True)
class Checkpoint:
    """What the weights file at ``path`` holds.

    spec: the network that it says to be, or that its names tell.
    weights: its tensors by our names.
    unused: the names of what else is in the file. ranges: with which the network can be quantised;
    none in files that were not calibrated.
    """

    path: Path
    spec: NetworkSpec
    weights: dict[str, Tensor]
    unused: tuple[str, ...] = ()
    ranges: Ranges = field(default_factory=dict)

    def network(self) -> SearchTrackNet:
        """The network with these weights, in evaluation mode.

        Raises:
            CheckpointError: the tensors are not the network's.
        """
        net = SearchTrackNet(self.spec)
        fill(net, self.weights, self.path)
        return net.eval()

    def fingerprint(self) -> str:
        """The same for files whose networks have the same features before all heads."""
        return fingerprint_of(self.weights)


@dataclass(frozen=True)
class Transfer:
    """Which tensors of a network came from a file: names, each ascending.

    taken: now as in the file. kept: the network's own, for the file has none that fits. left: the
    file's that fit nowhere.
    """

    taken: tuple[str, ...]
    kept: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{len(self.taken)} of {len(self.taken) + len(self.kept)} tensors taken"
        if self.kept:
            text += f"; as they were: {_modules(self.kept)}"
        if self.left:
            text += f"; of no use here: {_modules(self.left)}"
        return text


def fingerprint_of(weights: Mapping[str, Tensor]) -> str:
    """See ``Checkpoint.fingerprint``; of a network's ``state_dict`` too, on whatever device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        if not name.startswith(BEFORE_HEADS):
            continue
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def save(net: SearchTrackNet, path: Path, ranges: Ranges | None = None) -> None:
    """Write weights, spec and ranges; the file appears whole or not at all."""
    metadata = {"spec": json.dumps(dataclasses.asdict(net.spec))}
    if ranges:
        metadata["ranges"] = json.dumps(ranges)
    write_tensors(path, net, metadata)


def load(path: Path) -> SearchTrackNet:
    """The network that a file describes, with its weights, in evaluation mode.

    Raises:
        CheckpointError: the file cannot be read, or its tensors are not the network's.
    """
    return read(path).network()


def transfer(path: Path, net: SearchTrackNet) -> Transfer:
    """Start ``net`` from a file of another network: tensors of equal name and shape are taken.

    This is how training starts from CenterNet's COCO weights.

    Raises:
        CheckpointError: the file cannot be read, or nothing in it fits.
    """
    weights = read(path).weights
    own, found = _shapes(net.state_dict()), _shapes(weights)
    taken = {name for name in own if found.get(name) == own[name]}
    if not taken:
        raise CheckpointError(f"{path}: none of its {len(found)} tensors fits the network")
    net.load_state_dict({name: weights[name] for name in taken}, strict=False)
    return Transfer(*(tuple(sorted(s)) for s in (taken, own.keys() - taken, found.keys() - taken)))


def read(path: Path) -> Checkpoint:
    """What a file holds, its tensors not yet compared with the network's.

    Raises:
        CheckpointError: the file is missing, damaged, or holds more than data.
    """
    return _read_ours(path) if path.suffix == OURS else _read_released(path)


def write_tensors(path: Path, module: nn.Module, metadata: dict[str, str]) -> None:
    """Write a safetensors file with a module's tensors, whole or not at all."""
    partial = path.with_suffix(".partial")
    weights = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(weights, partial, metadata=metadata)
    partial.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return file.metadata() or {}, weights
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged, truncated or no safetensors file ({error})"
        ) from error


def spec_of(text: str, kind: Callable[..., SpecT]) -> SpecT:
    """The dataclass of a network's or head's numbers that a file's header has as JSON.

    Raises ValueError, TypeError or AttributeError where the text is none.
    """
    values = json.loads(text)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put the tensors of the file at ``path`` into a module.

    Raises:
        CheckpointError: they are not the module's.
    """
    expected, found = _shapes(module.state_dict()), _shapes(weights)
    if found != expected:
        raise CheckpointError(f"{path}: {_difference(expected, found)}")
    module.load_state_dict(weights)


def _read_ours(path: Path) -> Checkpoint:
    metadata, weights = read_tensors(path)
    if "tracker" in metadata:
        raise CheckpointError(
            f"{path}: expected a network, found a head of {metadata['tracker']}, which "
            "'tracker.head' takes"
        )
    if "spec" not in metadata:
        raise CheckpointError(f"{path}: its header has no 'spec' that says what network it is")
    try:
        spec = spec_of(metadata["spec"], NetworkSpec)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: its 'spec' cannot be understood: {error}") from error
    try:
        ranges = _ranges_of(metadata.get("ranges", "{}"), weights)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: its 'ranges' cannot be understood: {error}") from error
    return Checkpoint(path, spec, weights, ranges=ranges)


def _ranges_of(text: str, weights: Mapping[str, Tensor]) -> Ranges:
    """Raises ValueError, TypeError or AttributeError where the text has none for these weights."""
    ranges = {}
    for name, (low, high) in json.loads(text).items():
        if not -math.inf < low <= high < math.inf:
            raise ValueError(f"{name} reaches from {low} to {high}")
        if weights.get(f"{name}.weight", torch.empty(0)).dim() != 4:
            raise ValueError(f"{name} is no convolution")
        ranges[name] = float(low), float(high)
    return ranges


def _read_released(path: Path) -> Checkpoint:
    document = _unpickled(path)
    if not isinstance(document, Mapping):
        raise CheckpointError(f"{path}: expected a dict, found {type(document).__name__}")
    state = document.get("state_dict", document)
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(f"{path}: expected tensors by name in its 'state_dict'")
    weights: dict[str, Tensor] = {}
    unused = [] if state is document else [str(key) for key in document if key != "state_dict"]
    for key, value in state.items():
        name = str(key).removeprefix("module.")
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: '{key}' is no tensor but {type(value).__name__}")
        if name.startswith(UNUSED):
            unused.append(name)
        else:
            # Their programs give the network images as OpenCV reads them: blue comes first.
            weights[name] = value.flip(1) if name == _STEM and value.ndim == 4 else value
    return Checkpoint(path, _released_spec(weights), weights, tuple(unused))


def _unpickled(path: Path) -> Any:
    """The file's document; ``weights_only`` refuses to name, let alone run, any code."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weights file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # On damaged bytes torch's readers raise whatever they stumble over.
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if code:
            raise CheckpointError(
                f"{path}: refused, because it holds code and not only data: {code[1]}"
            ) from error
        raise CheckpointError(f"{path}: damaged, truncated or no PyTorch checkpoint") from error


def _released_spec(weights: Mapping[str, Tensor]) -> NetworkSpec:
    """The DLA-34 with the heads that the names tell of."""
    heads = {name.split(".")[0] for name in weights}
    mask_head = bool(heads & {"seg", "conv_weight"})
    classes = len(weights["hm.2.weight"]) if "hm.2.weight" in weights else len(DLA34.class_names)
    hidden = len(weights["hm.0.weight"]) if "hm.0.weight" in weights else DLA34.head_channels
    return dataclasses.replace(
        DLA34,
        class_names=RELEASED_CLASSES.get(classes, tuple(f"class_{i + 1}" for i in range(classes))),
        head_channels=hidden,
        deformable=any("conv_offset_mask" in name for name in weights),
        offset_head="reg" in heads,
        mask_head=mask_head,
        corner_masks=mask_head,
        amodal_head="ltrb_amodal" in heads,
    )


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _difference(expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> str:
    missing = sorted(expected.keys() - found.keys())
    unexpected = sorted(found.keys() - expected.keys())
    reshaped = [
        f"{name} is {found[name]}, not {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    parts = []
    for title, names in (
        ("missing", missing),
        ("unexpected", unexpected),
        ("of the wrong shape", reshaped),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            parts.append(f"{title}: {', '.join(names[:3])}{more}")
    return "; ".join(parts)


def _modules(names: Iterable[str]) -> str:
    """The networks' parts that these tensors belong to."""
    return ", ".join(sorted({name.split(".")[0] for name in names}))
