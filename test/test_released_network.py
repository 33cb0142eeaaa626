"""The full network computes what the released program computes, up to float32's noise."""

import importlib.util
import json

import numpy as np
import pytest
import torch

from mots_ros.nets.precision import makes_graphs
from mots_ros.nets.searchtrack import DLA34, SearchTrackNet
from shared import parity


@pytest.fixture(scope="module", params=["torch", "graph"])
def maps(request: pytest.FixtureRequest) -> dict[str, torch.Tensor]:
    """Features and every head, dense, of the reference's weights on the reference's image."""
    source = importlib.util.spec_from_file_location("make_weights", parity("make_weights.py"))
    assert source is not None and source.loader is not None
    reference = importlib.util.module_from_spec(source)
    source.loader.exec_module(reference)
    shapes = json.loads(parity("state_dict.json").read_text())
    weights = reference.state_dict_numpy(shapes)
    net = SearchTrackNet(DLA34).eval()
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    net.requires_grad_(False)
    heads = ("hm", "wh", "sch", "sch_weight", "seg", "conv_weight")

    def work(image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        shared = net.features(image).shared
        return shared, *(net.get_submodule(name)(shared) for name in heads)

    if request.param == "graph":
        if not makes_graphs():
            pytest.skip("openvino makes no graphs for this machine")
        from mots_ros.detection.compiled import Compiled

        work = Compiled(work, 1)
    with torch.inference_mode():
        shared, *dense = work(torch.from_numpy(reference.image_tensor()))
    found = zip((f"head.{name}" for name in heads), dense, strict=True)
    return {"feat64": shared, **dict(found)}


@pytest.mark.parametrize(
    "name",
    [
        "feat64",
        "head.hm",
        "head.wh",
        "head.sch",
        "head.sch_weight",
        "head.seg",
        "head.conv_weight",
    ],
)
def test_map_equals_the_reference(maps: dict[str, torch.Tensor], name: str) -> None:
    vectors = np.load(parity("forward.npz"))
    found = maps[name].numpy()
    assert found.shape == tuple(vectors[f"{name}_shape"])
    mean, deviation, low, high = vectors[f"{name}_stats"]
    np.testing.assert_allclose(
        found.ravel()[vectors[f"{name}_idx"]], vectors[f"{name}_val"], rtol=0, atol=1e-4 * deviation
    )
    np.testing.assert_allclose(
        (found.mean(), found.std(), found.min(), found.max()),
        (mean, deviation, low, high),
        rtol=0,
        atol=1e-4 * deviation,
    )
