"""What trains SiamMOT's head: its losses, by hand, and its triplets."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from mots_ros.nets.siammot import SiamMOTHead, SiamMOTSpec
from mots_ros.training.siammot import SiamMOTObjective
from mots_ros.training.siammot_losses import centreness, explicit_loss, implicit_loss, iou_loss
from mots_ros.training.siammot_triplets import Triplets, draw_triplets
from mots_ros.training.snippets import SnippetBatch
from small_net import small_net
from snippet_batches import snippets

FAR_OFF = 30.0
"""A logit whose sigmoid is 1 for these tests."""


def focal(probability: float, present: bool) -> float:
    right = probability if present else 1 - probability
    return -((1 - right) ** 2) * math.log(right)


def test_equation_3_is_focal_and_smooth_l1_where_present() -> None:
    visible = torch.tensor([0.8, 0.3]).logit()
    motions = torch.tensor([[0.5, 0, 3, 0], [9.0, 9, 9, 9]])
    target = torch.tensor([[0.0, 0, 1, 0], [0.0, 0, 0, 0]])
    seen, motion = implicit_loss(visible, motions, torch.tensor([True, False]), target)
    assert seen.item() == pytest.approx((focal(0.8, True) + focal(0.3, False)) / 2)
    assert motion.item() == pytest.approx(0.5 * 0.5**2 + (2 - 0.5))  # squared below 1, then linear


def test_the_iou_loss_is_a_negative_logarithm() -> None:
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]])
    target = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [0, 0, 2, 2]])
    expected = torch.tensor([0.0, -math.log(2 / 6), -math.log(1 / 4)])
    torch.testing.assert_close(iou_loss(boxes, target), expected)


def test_boxes_that_do_not_meet_cost_much_but_not_infinitely() -> None:
    assert 5 < iou_loss(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[5.0, 5, 6, 6]])) < 20


def test_centreness_falls_from_the_middle_to_the_edges() -> None:
    sides = torch.tensor([[2.0, 3, 2, 3], [1, 3, 3, 3], [1, 1, 4, 9], [0, 3, 4, 3]])
    expected = torch.tensor([1.0, math.sqrt(1 / 3), math.sqrt(1 / 4 * 1 / 9), 0.0])
    torch.testing.assert_close(centreness(sides), expected)


def test_equation_6_teaches_boxes_at_the_places_that_the_object_covers() -> None:
    """Of 2 x 2 places, the object covers the lower two; the second object is not there."""
    places = torch.tensor([-0.5, 0.5])
    target = torch.tensor([[-1.0, 0.0, 2.0, 2.0], [-1.0, -1.0, 1.0, 1.0]])
    visible = torch.full((2, 2, 2), 0.5).logit()
    boxes = target[:, :, None, None].expand(2, 4, 2, 2).clone()
    boxes[0, 2, 1, 1] = 5.0  # twice as wide as it is
    boxes[1] = FAR_OFF
    seen, box = explicit_loss(visible, boxes, places, torch.tensor([True, False]), target)
    assert seen.item() == pytest.approx((2 * focal(0.5, True) + 6 * focal(0.5, False)) / 2)
    # Both are 0.5 and 1.5 from top and bottom; 0.5 and 2.5, or 1.5 and 1.5, from the sides.
    left, right = math.sqrt(1 / 5 * 1 / 3), math.sqrt(1 / 3)
    assert box.item() == pytest.approx(right * math.log(2) / (left + right))


def test_losses_are_zero_without_triplets() -> None:
    none = torch.zeros(0, dtype=torch.bool)
    boxes = torch.zeros(0, 4)
    losses = [
        *implicit_loss(torch.zeros(0), boxes, none, boxes),
        *explicit_loss(
            torch.zeros(0, 2, 2), torch.zeros(0, 4, 2, 2), torch.tensor([-0.5, 0.5]), none, boxes
        ),
    ]
    assert [loss.item() for loss in losses] == [0, 0, 0, 0]


def pairs(*objects: tuple[int, int, float]) -> SnippetBatch:
    """One snippet of two frames with objects of 6 x 6 cells: identity, frame and centre's x."""
    batch = snippets(objects=1, length=2)
    count = len(objects)
    identity, frame, x = (torch.tensor(values) for values in zip(*objects, strict=True))
    return dataclasses.replace(
        batch,
        heat_weight=torch.ones(2, 2, 16, 100),
        frame=frame,
        identity=identity,
        centre=torch.stack((x, torch.full((count,), 8.0)), dim=1),
        size=torch.full((count, 2), 6.0),
    )


def draw(batch: SnippetBatch, kinds: str, seed: int = 0) -> Triplets:
    return draw_triplets(batch, kinds, 2.0, torch.Generator().manual_seed(seed))


def middles(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 0] + boxes[:, 2]) / 2


def test_positive_triplets_search_where_the_object_is() -> None:
    """The first object stays, the second leaves its search region, the third is gone."""
    batch = pairs((1, 0, 20.0), (2, 0, 50.0), (3, 0, 80.0), (2, 1, 90.0), (1, 1, 21.0))
    for seed in range(20):
        drawn = draw(batch, "P", seed)
        assert drawn.present.all() and drawn.before.tolist() == [0] * len(drawn)
        assert drawn.after.tolist() == [1] * len(drawn)
        assert set(middles(drawn.targets).tolist()) <= {21.0, 90.0}
        assert ((middles(drawn.starts) - middles(drawn.targets)).abs() < 6 * 1.5).all()


def test_templates_are_boxes_as_a_detector_might_find_them() -> None:
    batch = pairs((1, 0, 20.0), (1, 1, 20.0))
    boxes = torch.cat([draw(batch, "P", seed).boxes for seed in range(200)])
    off = boxes - torch.tensor([17.0, 5, 23, 11])
    assert 0.3 < off.std() < 0.8 and off.mean().abs() < 0.1


def test_hard_triplets_search_where_the_object_is_not() -> None:
    """The first object is gone; of both, some searches start around the other or anywhere."""
    batch = pairs((1, 0, 20.0), (2, 0, 50.0), (2, 1, 50.0))
    drawn = [draw(batch, "H", seed) for seed in range(100)]
    assert not torch.cat([one.present for one in drawn]).any()
    starts = torch.cat([middles(one.starts) for one in drawn])
    of_first = torch.cat([(middles(one.boxes) - 20).abs() < 3 for one in drawn])
    at_itself, at_other = (((starts[of_first] - x).abs() < 5).float().mean() for x in (20, 50))
    assert at_itself > 0.5 and 0.25 < at_other < 0.45  # half, and half of the other half
    assert ((starts[~of_first] - 50).abs() > 6).any() and (~of_first).any()


def test_negative_templates_show_background() -> None:
    batch = pairs((1, 0, 20.0), (2, 0, 50.0), (2, 1, 50.0), (1, 1, 20.0))
    batch.heat_weight[0, :, :, 60:] = 0  # nobody knows what is there
    drawn = [draw(batch, "N", seed) for seed in range(50)]
    middle = torch.cat([middles(one.boxes) for one in drawn])
    assert len(middle) > 20 and not torch.cat([one.present for one in drawn]).any()
    near = torch.minimum((middle - 20).abs(), (middle - 50).abs())
    assert (middle < 61).all() and near.min() < 6 and near.median() > 6


@pytest.mark.parametrize("kinds", ["PHN", "PN", "PH"])
def test_only_the_wanted_triplets_are_drawn(kinds: str) -> None:
    batch = pairs((1, 0, 20.0), (2, 0, 50.0), (2, 1, 50.0))
    alone = {kind: len(draw(batch, kind)) for kind in "PHN"}
    assert min(alone.values()) > 0
    assert len(draw(batch, kinds)) == sum(alone[kind] for kind in kinds)


def test_objects_of_other_snippets_are_nobody_s_match() -> None:
    """Identity 1 is in the later frame of the other snippet alone."""
    batch = dataclasses.replace(
        pairs((1, 0, 20.0), (1, 3, 20.0)), heat_weight=torch.ones(4, 2, 16, 100)
    )
    assert len(draw(batch, "P")) == 0


def objective() -> SiamMOTObjective:
    spec = SiamMOTSpec(features=8, channels=4, template=5, groups=2, region=3, hidden=8)
    return SiamMOTObjective(small_net(), SiamMOTHead(spec), identities=5).train()


def test_every_layer_of_the_head_learns_and_the_network_does_not() -> None:
    trained = objective()
    losses = trained(snippets(objects=4, length=2))
    torch.stack(list(losses.values())).sum().backward()
    gradients = [parameter.grad for parameter in trained.trained.parameters()]
    assert all(grad is not None and grad.isfinite().all() and grad.any() for grad in gradients)
    assert all(parameter.grad is None for parameter in trained.net.parameters())


def test_frames_without_objects_teach_nothing() -> None:
    losses = torch.stack(list(objective()(snippets(objects=0, length=2)).values()))
    losses.sum().backward()
    assert losses.tolist() == [0, 0, 0, 0]


def test_a_continued_run_draws_what_it_would_have_drawn() -> None:
    first, batch = objective(), snippets(objects=3, length=2)
    first(batch)
    second = objective()
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second(batch), first(batch))
