"""What network, decoder, search, filter and association answer to made-up input.

``python test/regression.py`` writes the answers to ``regression.npz``; do so only when a change is
meant to change them. Weights and inputs come from NumPy's generator, which is the same everywhere.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mots_ros.core import assignment, kalman
from mots_ros.core.costs import matching_cost, search_affinity
from mots_ros.nets.decode import boxes_at
from mots_ros.nets.dynamic import dynamic_network
from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.search import search
from mots_ros.nets.searchtrack import DLA34, SearchTrackNet

FILE = Path(__file__).with_suffix(".npz")
NET = dataclasses.replace(DLA34, channels=(4, 4, 8, 8, 12, 12), head_channels=8)
PEAKS = 6


def answers() -> dict[str, NDArray[Any]]:
    """Every answer by its name."""
    return {**_network(), **_filter(), **_association()}


def network() -> SearchTrackNet:
    """The full model's classes with few channels, in float64: processors round float32 differently,
    and untrained layers multiply the difference."""
    rng = np.random.default_rng(1)
    net = SearchTrackNet(NET).eval()
    state = net.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            values = rng.uniform(0.5, 1.5, tensor.shape)
        elif tensor.dim() < 2:
            values = rng.normal(0, 0.1, tensor.shape) + (name.endswith("weight"))
        else:
            # Large enough that what every layer does shows in the answers.
            values = rng.normal(0, (5 / tensor[0].numel()) ** 0.5, tensor.shape)
        state[name] = torch.from_numpy(np.asarray(values)).to(tensor.dtype)
    net.load_state_dict(state)
    return net.double()


@torch.inference_mode()
def _network() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(2)
    net = network()
    image = torch.from_numpy(rng.normal(size=(1, 3, 64, 96)))
    before_heads = net.features(image)
    features, maps = before_heads.shared, net.heads(before_heads)
    scores, x, y = (values.flatten() for values in top_peaks(maps.heat[0, :1].sigmoid(), 5, PEAKS))
    first = torch.zeros_like(x)
    pixels = torch.stack((x, y), dim=1).to(features.dtype)
    assert maps.mask is not None
    masks = dynamic_network(maps.mask[0], net.mask_kernels(features, first, y, x), pixels)
    kernels = net.search_kernels(features, first, y, x)
    boxes, responses = search(
        maps.search[0],
        maps.size[0],
        maps.offset,
        kernels,
        pixels + pixels.new_tensor((1.25, -2.5)),
        region=0,
        window=5,
        count=2,
    )
    return {
        "features": features[0, ::4].numpy(),
        "heat": maps.heat[0].numpy(),
        "size": maps.size[0].numpy(),
        "scores": scores.numpy(),
        "boxes": boxes_at(maps.size[0], maps.offset, x, y).numpy(),
        "masks": masks.sigmoid()[:3].numpy(),
        "search_boxes": boxes.numpy(),
        "search_scores": responses.numpy(),
    }


def _filter() -> dict[str, NDArray[Any]]:
    """A box that moves, grows, and is unseen twice; the frames' distances vary."""
    rng = np.random.default_rng(3)
    box = np.array([100.0, 80, 140, 170])
    state = kalman.initiate(box)
    means = []
    for step in range(12):
        state = kalman.predict(*state, dt=(1.0, 0.5, 2.0)[step % 3])
        box = box + (6, 1, 7, 2) + rng.normal(0, 1, 4)
        if step not in (4, 5):
            state = kalman.update(*state, box)
        means.append(np.concatenate([state[0], np.diag(state[1])]))
    return {"kalman": np.array(means)}


def _association() -> dict[str, NDArray[Any]]:
    """Which of ten crowded boxes each of eight tracks takes, in five frames; -1 for none."""
    rng = np.random.default_rng(4)
    chosen: dict[str, list[NDArray[Any]]] = {method: [] for method in assignment.METHODS}
    for _ in range(5):
        corners = rng.uniform(0, 60, (10, 2))
        detected = np.concatenate([corners, corners + rng.uniform(20, 40, (10, 2))], axis=1)
        candidates = detected[rng.integers(0, 10, (8, 3))] + rng.normal(0, 4, (8, 3, 4))
        affinity = search_affinity(candidates, rng.uniform(0.4, 1, (8, 3)), detected)
        cost = matching_cost(affinity, rng.integers(0, 2, 8), rng.integers(0, 2, 10), 0.01)
        for method, solve in assignment.METHODS.items():
            row_takes = np.full(8, -1)
            pairs = solve(cost).pairs
            row_takes[pairs[:, 0]] = pairs[:, 1]
            chosen[method].append(row_takes)
    return {method: np.array(rows) for method, rows in chosen.items()}


if __name__ == "__main__":
    np.savez_compressed(FILE, **answers())  # type: ignore[arg-type]
