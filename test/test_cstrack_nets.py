"""CSTrack's networks: their equations, computed by hand, and their shapes."""

import math

import pytest
import torch
from torch import Tensor

from mots_ros.nets.cstrack import (
    ChannelAttention,
    CSTrackHead,
    CSTrackSpec,
    ReciprocalNetwork,
    ScaleAwareAttention,
    SpatialAttention,
    relation,
)

SPEC = CSTrackSpec((4, 6, 8), width=5, embedding=16)
LN3 = math.log(3)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def maps_of(batch: int) -> tuple[Tensor, ...]:
    """Shared features and ladder of images of 96 x 160 pixels."""
    return tuple(
        torch.rand(batch, channels, 96 // stride, 160 // stride)
        for channels, stride in zip((*SPEC.channels, 10), (4, 8, 16, 32), strict=True)
    )


def test_relations_by_hand() -> None:
    """Equations 2 and 3: the first channel has scalar products ln 3 and 0 with the others' two."""
    one = torch.tensor([[[LN3, 0.0], [0.0, 0.0]]])
    other = torch.tensor([[[0.0, 5.0], [2.0, 1.0]]])
    self_relation = [[3**LN3 / (3**LN3 + 1), 1 / (3**LN3 + 1)], [0.5, 0.5]]
    torch.testing.assert_close(relation(one, one)[0], torch.tensor(self_relation))
    # ln 3 times 0 and 2: weights 1 and 9.
    torch.testing.assert_close(relation(one, other)[0], torch.tensor([[0.1, 0.9], [0.5, 0.5]]))


def test_mixed_weights_by_hand() -> None:
    """Equation 4 with lambda 0.25, on a map whose two channels are constant: 1 and 0.

    Task 1 leaves the channels as they are, task 2 exchanges them. With s the number of the grid's
    cells, M_1's products are s for the first channel with itself, else 0; with M_2's channels,
    that is those exchanged, they are s for the first with the second.
    """
    net = ReciprocalNetwork(2)
    for layer, matrix in zip(net.tasks, ([[1, 0], [0, 1]], [[0, 1], [1, 0]]), strict=True):
        layer.weight.data.zero_()
        layer.weight.data[:, :, 1, 1] = torch.tensor(matrix) / math.sqrt(60)
        layer.bias.data.zero_()
    net.mixing.data.fill_(0.25)
    features = torch.zeros(1, 2, 12, 20)
    features[:, 0] = math.sqrt(LN3)
    own = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    crossed = own[:, [1, 0]]
    torch.testing.assert_close(net.weights(features, 0)[0], 0.25 * own + 0.75 * crossed)
    # Of task 2, the second channel is the one that is not 0.
    own, crossed = own.flip(0, 1), crossed.flip(0, 1)
    torch.testing.assert_close(net.weights(features, 1)[0], 0.25 * own + 0.75 * crossed)


def test_mixing_begins_even() -> None:
    assert ReciprocalNetwork(4).mixing.tolist() == [0.5, 0.5]


def test_what_a_task_sees_by_hand() -> None:
    """The weights' matrix times the 1x1 layer's map, added to the map; for detection weighted."""
    net = ReciprocalNetwork(4)
    features = maps_of(1)[0]
    value = net.value(features)
    mixed = [torch.einsum("ij,jyx->iyx", net.weights(features, k)[0], value[0]) for k in (0, 1)]
    torch.testing.assert_close(net.identity(features)[0], features[0] + mixed[1])
    net.detection_weight.data.fill_(0.5)
    torch.testing.assert_close(net(features)[0][0], features[0] + 0.5 * mixed[0])


def test_detection_sees_at_first_what_it_saw_without() -> None:
    features = maps_of(1)[0]
    changed, memory = ReciprocalNetwork(4)(features, None)
    assert torch.equal(changed, features) and memory is None


def test_detection_can_learn_to_see_more() -> None:
    net = ReciprocalNetwork(4)
    net(maps_of(1)[0])[0].sum().backward()
    assert net.detection_weight.grad is not None and net.detection_weight.grad != 0


def test_spatial_attention_by_hand() -> None:
    """The mean and the maximum of one pixel are 2 and 3; its own weights are ln 3 and -0.5 ln 3."""
    module = SpatialAttention()
    module.conv.weight.data.zero_()
    module.conv.weight.data[0, :, 3, 3] = torch.tensor([LN3, -LN3])
    module.conv.bias.data.fill_(0)
    x = torch.zeros(1, 2, 8, 8)
    x[0, :, 4, 4] = torch.tensor([1.0, 3.0])
    found = module(x)
    torch.testing.assert_close(found[0, :, 4, 4], torch.tensor([1.25, 3.75]))
    assert found.abs().sum() == found[0, :, 4, 4].sum()


def test_channel_attention_by_hand() -> None:
    """The first channel has mean 1 and maximum 4. A fifth of ln 3 times their sum makes it 1 + 0.75
    times as large; minus that, the second 1 + 0.25 times."""
    module = ChannelAttention(2)
    convolution, _, linear = module.shared
    convolution.weight.data[:] = torch.tensor([[[0.0, 1.0, 0.0]]])
    linear.weight.data[:] = torch.tensor([[LN3 / 5, 0.0], [-LN3 / 5, 0.0]])
    for layer in (convolution, linear):
        layer.bias.data.zero_()
    x = torch.tensor([[[[4.0, 0.0], [0.0, 0.0]], [[8.0, 8.0], [8.0, 8.0]]]])
    expected = x * torch.tensor([1.75, 1.25]).view(1, 2, 1, 1)
    torch.testing.assert_close(module(x), expected)


def test_embeddings_at_a_pixel_equal_the_dense_layer() -> None:
    net = ScaleAwareAttention(SPEC)
    maps = maps_of(2)[:3]
    batch, y, x = torch.tensor([0, 1, 1]), torch.tensor([0, 7, 23]), torch.tensor([0, 39, 5])
    dense = net.embed(net.fused(maps))
    assert dense.shape == (2, 16, 24, 40)
    torch.testing.assert_close(net(maps, batch, y, x), dense[batch, :, y, x])


def test_every_resolution_has_a_say() -> None:
    net = ScaleAwareAttention(SPEC)
    maps = maps_of(1)[:3]
    place = torch.tensor([0]), torch.tensor([12]), torch.tensor([20])
    before = net(maps, *place)
    for changed in range(3):
        others = tuple(m + (i == changed) for i, m in enumerate(maps))
        assert not torch.allclose(net(others, *place), before)


def test_embeddings_have_length_one() -> None:
    head = CSTrackHead(SPEC)
    features, *ladder = maps_of(2)
    place = torch.tensor([1, 0]), torch.tensor([3, 4]), torch.tensor([5, 6])
    embeddings = head(features, tuple(ladder), *place)
    assert embeddings.shape == (2, 16)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    nobody = torch.zeros(0, dtype=torch.int64)
    assert head(features, tuple(ladder), nobody, nobody, nobody).shape == (0, 16)
