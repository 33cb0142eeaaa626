"""DIOR's networks, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mots_ros.nets.dior import DIORHead, DIORSpec, SpatialDistiller, TemporalDistiller
from mots_ros.nets.searchtrack import HeadMaps
from mots_ros.nets.tracker_head import Objects, Seen

TINY = DIORSpec(channels=1, past=1, future=1)


def distiller() -> TemporalDistiller:
    """One whose logits are each frame's own features."""
    made = TemporalDistiller(TINY)
    made.attention.weight.data.zero_()
    made.attention.bias.data.zero_()
    for frame in range(3):
        made.attention.weight.data[frame, frame, 1, 1] = 1
    return made


def moments(*values: float) -> torch.Tensor:
    """A window [1, frames, 1, 2, 2] with one value in all of each frame."""
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1, 1).expand(-1, -1, 1, 2, 2)


def test_attention_over_time_by_hand() -> None:
    """Equation 1: e^0.5 + e^0.5 + e^(0.5 + ln 2) = 4 e^0.5."""
    weights = distiller().weights(moments(0.5, 0.5, 0.5 + math.log(2)))
    assert weights.shape == (1, 3, 1, 2, 2)
    np.testing.assert_allclose(weights[0, :, 0, 1, 0].detach(), [0.25, 0.25, 0.5], rtol=1e-6)


def test_frames_that_do_not_exist_get_no_attention() -> None:
    weights = distiller().weights(moments(0, 3, 3))
    np.testing.assert_allclose(weights[0, :, 0, 0, 0].detach(), [0, 0.5, 0.5])
    alone = distiller().weights(moments(0, 0, 0))
    np.testing.assert_allclose(alone[0, :, 0, 0, 0].detach(), [0, 1, 0])


def test_fusion_by_hand() -> None:
    """Equation 2 with a convolution that takes the present frame twice and the attended thrice."""
    made = distiller()
    made.fusion.weight.data[0, :, 1, 1] = torch.tensor([2.0, 3.0])
    first, last = 0.5, 0.5 + math.log(2)
    attended = 0.25 * first + 0.25 * first + 0.5 * last
    fused = made.fuse(moments(first, first, last))
    np.testing.assert_allclose(fused.detach(), np.full((1, 1, 2, 2), 2 * first + 3 * attended))


@pytest.mark.parametrize(("past", "future"), [(2, 0), (1, 1)])
def test_before_training_the_present_frame_stays_as_it_is(past: int, future: int) -> None:
    torch.manual_seed(0)
    context = TemporalDistiller(DIORSpec(channels=4, past=past, future=future))
    window = torch.rand(3, 4, 6, 8)
    features, memory = context(window, None)
    torch.testing.assert_close(features, window[past : past + 1])
    assert memory is None


def test_spatial_distillation_by_hand() -> None:
    """Equation 4: as it is, and weighted by the attention, 1/2 and 3/4."""
    appearance = torch.tensor([[[[4.0, 8.0]], [[2.0, 0.0]]]])
    logits = torch.tensor([[[[0.0, math.log(3)]]]])
    expected = [[[[4, 8]], [[2, 0]], [[2, 6]], [[1, 0]]]]
    np.testing.assert_allclose(SpatialDistiller.distil(appearance, logits), expected, rtol=1e-6)


def test_attention_to_pixels_by_hand() -> None:
    """Equation 3 with two layers that double and add a half, on a box that is 1 in its left half
    and 0 in its right one."""
    made = SpatialDistiller(DIORSpec(channels=1, side=4, hidden=1, dimensions=2))
    for layer in (made.attention[0], made.attention[2]):
        layer.weight.data.zero_()[0, 0, 1, 1] = 2
        layer.bias.data.fill_(0.5)
    features = torch.zeros(1, 1, 12, 20)
    features[..., :6] = 1
    box = torch.tensor([[2.0, 2.0, 10.0, 10.0]])
    with torch.no_grad():
        embeddings, logits = made(features, box, torch.zeros(1, dtype=torch.int64))
    assert embeddings.shape == (1, 2)
    np.testing.assert_allclose(logits, [[[5.5, 5.5, 1.5, 1.5]] * 4], rtol=1e-6)


def seen(boxes: torch.Tensor) -> Seen:
    torch.manual_seed(1)
    maps = HeadMaps(*[torch.zeros(1, 1, 12, 20)] * 6)
    x, y = torch.zeros((2, len(boxes)), dtype=torch.int64)
    shared = torch.rand(1, 4, 12, 20)
    objects = Objects(x, y, boxes, torch.zeros(len(boxes), 593))
    return Seen(shared, shared, (), maps, lambda: objects, None)


def test_a_head_reads_one_unit_vector_for_each_detection() -> None:
    torch.manual_seed(0)
    head = DIORHead(DIORSpec(channels=4)).eval()
    boxes = torch.tensor([[1.0, 1, 6, 9], [10.0, 2, 19, 8]])
    with torch.inference_mode():
        embeddings = head.read(seen(boxes))
        nobody = head.read(seen(boxes[:0]))
    assert embeddings.shape == (2, 1024) and embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3
    assert nobody.shape == (0, 1024)
