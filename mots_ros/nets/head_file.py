"""The weights of a tracker's head on disk.

The header of such a safetensors file names the tracker, the numbers that make its head, and by its
fingerprint the network beside which it was trained: features of another one mean nothing to it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mots_ros.nets.checkpoint import CheckpointError, fill, read_tensors, spec_of, write_tensors
from mots_ros.nets.cstrack import CSTrackHead, CSTrackSpec
from mots_ros.nets.dior import DIORHead, DIORSpec
from mots_ros.nets.siammot import SiamMOTHead, SiamMOTSpec
from mots_ros.nets.trackrcnn import TrackRCNNHead, TrackRCNNSpec

HEADS: Mapping[str, tuple[type[Any], type[nn.Module]]] = {
    "trackrcnn": (TrackRCNNSpec, TrackRCNNHead),
    "siammot": (SiamMOTSpec, SiamMOTHead),
    "dior": (DIORSpec, DIORHead),
    "cstrack": (CSTrackSpec, CSTrackHead),
}
"""By tracker, the dataclass of the numbers that make a head, and the head that is made of it."""


def save(head: nn.Module, spec: Any, tracker: str, fingerprint: str, path: Path) -> None:
    """Write a head; the file appears whole or not at all.

    ``fingerprint`` is that of the network's checkpoint.
    """
    numbers = json.dumps(dataclasses.asdict(spec))
    header = {"tracker": tracker, "spec": numbers, "network": fingerprint}
    write_tensors(path, head, header)


def load(path: Path, tracker: str, fingerprint: str | None) -> Any:
    """The tracker's head in a file, in evaluation mode.

    ``fingerprint`` is that of the checkpoint of its network; None takes that of any network, as a
    start for training.

    Raises:
        CheckpointError: the file cannot be read, holds another tracker's head, or one that was
            trained beside another network.
    """
    header, weights = read_tensors(path)
    if header.get("tracker") != tracker:
        raise CheckpointError(
            f"{path}: expected the head of {tracker}, found "
            + (f"that of {header['tracker']}" if "tracker" in header else "no tracker's head")
        )
    if fingerprint is not None and header.get("network") != fingerprint:
        raise CheckpointError(
            f"{path}: this head was trained beside other weights than 'detector.weights' names; "
            "'tracker.head' must name one of these"
        )
    spec_type, head_type = HEADS[tracker]
    try:
        head = head_type(spec_of(header["spec"], spec_type))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its 'spec' cannot be understood: {error}") from error
    fill(head, weights, path)
    return head.eval()
