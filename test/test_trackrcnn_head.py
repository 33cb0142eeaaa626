"""TrackR-CNN's contexts and association vectors, and how they are trained."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mots_ros.nets.roi_align import roi_align
from mots_ros.nets.trackrcnn import (
    CONTEXTS,
    GRID,
    LOSSES,
    SKIP_WEIGHT,
    Conv3DContext,
    ConvLSTM,
    ConvLSTMContext,
    FrameConvolution,
    TrackRCNNHead,
    TrackRCNNSpec,
)
from mots_ros.training.snippets import SnippetBatch
from mots_ros.training.trackrcnn import TrackRCNNObjective, in_context
from mots_ros.training.trackrcnn_losses import batch_hard
from small_net import small_net

CHANNELS = 8
SPEC = TrackRCNNSpec(CHANNELS, dimensions=4)


def frames(count: int, seed: int = 0) -> Tensor:
    """Features after a ReLU, [count, C, 6, 10]."""
    return torch.rand(count, CHANNELS, 6, 10, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("layers", [1, 2])
def test_convolutions_in_time_start_as_the_identity(layers: int) -> None:
    context = Conv3DContext(CHANNELS, layers)
    assert context.past == context.future == layers
    window = frames(2 * layers + 1)
    shared, _ = context(window, None)
    torch.testing.assert_close(shared, window[layers : layers + 1])


def test_a_convolution_in_time_is_pytorch_s() -> None:
    torch.manual_seed(0)
    convolution = FrameConvolution(CHANNELS)
    torch.nn.init.normal_(convolution.weight)
    torch.nn.init.normal_(convolution.bias)
    weight, bias, drive = convolution.weight, convolution.bias, frames(5)
    expected = F.conv3d(drive.transpose(0, 1)[None], weight, bias, padding=(0, 1, 1))
    torch.testing.assert_close(convolution(drive), expected[0].transpose(0, 1))


def test_a_convolution_in_time_by_hand() -> None:
    """Half of the frame before, the frame itself, and a quarter of the next one's left neighbour;
    less a little, and never below zero."""
    context = Conv3DContext(1, 1)
    weight = context.layers[0].weight.data
    weight[0, 0, 0, 1, 1], weight[0, 0, 2, 1, 0] = 0.5, 0.25
    context.layers[0].bias.data[:] = -3
    window = torch.tensor([[[[2.0, 4.0]]], [[[1.0, 1.0]]], [[[8.0, 0.0]]]])
    shared, _ = context(window, None)
    torch.testing.assert_close(shared, torch.tensor([[[[0.0, 2 + 1 + 2 - 3.0]]]]))


@pytest.mark.parametrize("layers", [1, 2])
def test_what_is_ahead_counts_as_far_as_the_layers_look(layers: int) -> None:
    torch.manual_seed(0)
    context = Conv3DContext(CHANNELS, layers)
    for layer in context.layers[::2]:
        torch.nn.init.normal_(layer.weight)
    drive = frames(7)
    fused = in_context(context, drive, 7)
    for changed in range(7):
        other = drive.clone()
        other[changed] += 1
        differs = (in_context(context, other, 7) != fused).flatten(1).any(dim=1)
        expected = (torch.arange(7) - changed).abs() <= layers
        assert differs.tolist() == expected.tolist()


def test_a_recurrent_layer_by_hand() -> None:
    """One pixel, all gates known: the cell keeps half and takes a part of the new value."""
    layer = ConvLSTM(1)
    weight, bias = layer.gates.weight.data, layer.gates.bias.data
    weight[:], bias[:] = 0, 0
    weight[3, 0, 1, 1] = 2
    x, one = torch.full((1, 1, 1, 1), 0.5), torch.ones(1, 1, 1, 1)
    output, cell = layer(x, (one, one))
    expected = 0.5 * 1 + 0.5 * np.tanh(1)
    assert cell.item() == pytest.approx(expected)
    assert output.item() == pytest.approx(0.5 * np.tanh(expected))
    weight[3, 1, 1, 1] = 1
    assert layer(x, (one, one))[1].item() == pytest.approx(0.5 + 0.5 * np.tanh(2))


@pytest.mark.parametrize("layers", [1, 2])
def test_the_recurrent_context_is_added_to_the_features(layers: int) -> None:
    """It remembers across frames, never looks ahead, and starts anew with every snippet."""
    torch.manual_seed(0)
    context = ConvLSTMContext(CHANNELS, layers)
    assert context.past == context.future == 0
    drive = frames(6)
    fused = in_context(context, drive, 3)
    memory: Any = None
    for frame in range(3):
        added, memory = context(drive[frame : frame + 1], memory)
        torch.testing.assert_close(fused[frame : frame + 1], added)
        assert len(memory) == layers
    said = (fused - drive) / SKIP_WEIGHT
    assert (said >= 0).all() and said.max() > 0.01
    other = drive.clone()
    other[1] += 1
    differs = (in_context(context, other, 3) != fused).flatten(1).any(dim=1)
    assert differs.tolist() == [False, True, True, False, False, False]


def test_association_vectors_are_one_layer_over_a_region() -> None:
    torch.manual_seed(0)
    head = TrackRCNNHead(SPEC)
    shared = frames(2)
    boxes = torch.tensor([[1.0, 1, 8, 5], [2, 0, 4, 6]])
    frame = torch.tensor([1, 0])
    regions = roi_align(shared, boxes, frame, (GRID, GRID)).flatten(1)
    expected = regions @ head.association.weight.T + head.association.bias
    torch.testing.assert_close(head.vectors(shared, boxes, frame), expected)


@pytest.mark.parametrize(("name", "choices"), [("context", CONTEXTS), ("loss", LOSSES)])
def test_unknown_names_are_refused(name: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must be one of {', '.join(choices)}, not 'x'"):
        dataclasses.replace(SPEC, **{name: "x"})


def snippets(seed: int = 0) -> SnippetBatch:
    """Two snippets of two frames: a car and a pedestrian in the first, two cars in the second."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.tensor([[4, 4], [12, 4]]).repeat(4, 1)
    masks = torch.zeros(8, 32, 64, dtype=torch.bool)
    for row, (x, y) in enumerate((4 * place).tolist()):
        masks[row, y - 6 : y + 10, x - 6 : x + 10] = True
    heat = torch.zeros(4, 2, 8, 16)
    heat[:, 0, 4, 4] = 1
    heat[:2, 1, 4, 12] = heat[2:, 0, 4, 12] = 1
    return SnippetBatch(
        images=torch.randint(0, 256, (4, 32, 64, 3), dtype=torch.uint8, generator=generator),
        heat=heat,
        heat_weight=torch.ones(4, 2, 8, 16),
        counts=(2, 2, 2, 2),
        frame=torch.arange(4).repeat_interleave(2),
        place=place,
        centre=place + 0.5,
        size=torch.full((8, 2), 4.0),
        masks=masks,
        label=torch.tensor([0, 1, 0, 1, 0, 0, 0, 0]),
        identity=torch.tensor([0, 1, 0, 1, 2, 3, 2, 3]),
        length=2,
    )


def test_objects_are_compared_within_snippet_and_class() -> None:
    head = TrackRCNNHead(dataclasses.replace(SPEC, context="none"))
    objective = TrackRCNNObjective(small_net(), head, identities=4).eval()
    batch = snippets()
    losses = objective(batch)
    assert list(losses) == ["association"]
    boxes = torch.cat((batch.centre - 2, batch.centre + 2), dim=1)
    vectors = head.vectors(objective.features(batch).shared, boxes, batch.frame)
    alone = [batch_hard(vectors[[row, row + 2]], torch.zeros(2)) for row in (0, 1)]
    together = batch_hard(vectors[4:], batch.identity[4:])
    expected = (2 * sum(alone) + 4 * together) / 8
    torch.testing.assert_close(losses["association"], expected)


@pytest.mark.parametrize("context", ["conv3d", "convlstm"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_part_of_the_head_learns_and_the_network_stays(context: str, loss: str) -> None:
    torch.manual_seed(0)
    head = TrackRCNNHead(TrackRCNNSpec(CHANNELS, context, dimensions=4, loss=loss))
    objective = TrackRCNNObjective(small_net(), head, identities=4)
    losses = objective(snippets())
    assert set(losses) == {"heat", "size", "offset", "mask", "association"}
    torch.stack(list(losses.values())).sum().backward()
    for name, weights in head.named_parameters():
        assert weights.grad is not None and weights.grad.abs().max() > 0, name
    assert all(weights.grad is None for weights in objective.net.parameters())


def test_frames_without_objects_are_no_loss() -> None:
    batch = snippets()
    nobody = {
        name: getattr(batch, name)[:0]
        for name in ("frame", "place", "centre", "size", "masks", "label", "identity")
    }
    batch = dataclasses.replace(batch, counts=(0, 0, 0, 0), **nobody)
    objective = TrackRCNNObjective(small_net(), TrackRCNNHead(SPEC), identities=4)
    losses = objective(batch)
    assert losses["association"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
