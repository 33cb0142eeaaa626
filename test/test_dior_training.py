"""What trains DIOR's head, computed by hand where that can be done."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from mots_ros.nets.dior import DIORHead, DIORSpec
from mots_ros.training.dior import DIORObjective, attention_loss, cover
from small_net import small_net
from snippet_batches import HEIGHT, WIDTH, snippets


def test_an_object_covers_its_share_of_each_cell() -> None:
    """A box of 4 x 2 map pixels from column 2, row 1 on; masks count 16 of their pixels as one."""
    masks = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    masks[1, 4:12, 8:18] = True  # two columns and half of the third
    boxes = torch.tensor([[2.0, 1, 6, 3]] * 2)
    covered = cover(masks, boxes, 4)
    assert covered.shape == (2, 4, 4)
    assert not covered[0].any()
    # The two points in a cell lie a quarter off its centre and see the neighbours; above and below
    # the box there is nothing.
    np.testing.assert_allclose(covered[1, 1], [0.875, 0.9375, 0.5, 0.0625], rtol=1e-5)


def test_attention_loss_by_hand() -> None:
    logits = torch.tensor([[[0.0, math.log(3)]]])
    target = torch.tensor([[[1.0, 0.5]]])
    expected = (math.log(2) - 0.5 * math.log(3 / 4) - 0.5 * math.log(1 / 4)) / 2
    assert float(attention_loss(logits, target)) == pytest.approx(expected)
    assert float(attention_loss(logits[:0], target[:0])) == 0


@pytest.mark.parametrize("objects", [2, 0])
def test_every_layer_of_the_head_learns_and_the_network_does_not(objects: int) -> None:
    torch.manual_seed(0)
    net = small_net()
    head = DIORHead(DIORSpec(channels=net.spec.channels[2], hidden=4, dimensions=8))
    # What starts as the identity gives attention no gradient in its first step.
    torch.nn.init.normal_(head.context.fusion.weight)
    objective = DIORObjective(net, head, identities=5).train()
    losses = objective(snippets(objects, length=3))
    of_detection = {"heat", "size", "offset", "mask"}
    assert losses.keys() == of_detection | {"attention", "identity", "batch identity"}
    torch.stack(list(losses.values())).sum().backward()
    gradients = [parameter.grad for parameter in objective.head.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    if objects:
        assert all(gradient.any() for gradient in gradients if gradient is not None)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(("past", "future", "complete"), [(2, 0, 2), (1, 1, 1)])
def test_detection_is_trained_where_the_window_is_complete(past, future, complete) -> None:
    torch.manual_seed(0)
    net = small_net()
    spec = DIORSpec(net.spec.channels[2], past, future, hidden=4, dimensions=8)
    objective = DIORObjective(net, DIORHead(spec), identities=5).train()
    batch = snippets(2, length=3)
    before = objective(batch)["heat"]
    for time in range(3):
        heat = batch.heat.clone()
        heat[time::3] = 1
        after = objective(dataclasses.replace(batch, heat=heat))["heat"]
        assert bool(after != before) == (time == complete)
