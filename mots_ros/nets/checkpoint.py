"""Weights on disk: safetensors with the network's numbers in the header; nothing in it can run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mots_ros.nets.searchtrack import NetworkSpec, SearchTrackNet


class CheckpointError(ValueError):
    """A weights file is missing, damaged or of another network; the message names it."""


def save(net: SearchTrackNet, path: Path) -> None:
    """Write the weights and the spec; the file appears whole or not at all."""
    partial = path.with_suffix(".partial")
    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(weights, partial, metadata={"spec": json.dumps(dataclasses.asdict(net.spec))})
    partial.replace(path)


def load(path: Path) -> SearchTrackNet:
    """The network that a file describes, with its weights, in evaluation mode.

    Raises:
        CheckpointError: the file is missing, truncated or no safetensors file, carries no spec, or
            its tensors are not the spec's.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged, truncated or no safetensors file ({error})"
        ) from error
    net = SearchTrackNet(_spec(path, metadata))
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if found != expected:
        raise CheckpointError(f"{path}: {_difference(expected, found)}")
    net.load_state_dict(weights)
    return net.eval()


def _spec(path: Path, metadata: dict[str, str]) -> NetworkSpec:
    if "spec" not in metadata:
        raise CheckpointError(f"{path}: its header has no 'spec' that says what network it is")
    try:
        values = json.loads(metadata["spec"])
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return NetworkSpec(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: its 'spec' cannot be understood: {error}") from error


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
