"""Targets, losses and pairs by hand, and a network that learns one toy drive."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mots_ros.core.types import Frame
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.training.clips import Clip, load_clips
from mots_ros.training.loop import Schedule, pair_losses, train
from mots_ros.training.losses import dice_loss, focal_map, mask_loss, semantic_loss
from mots_ros.training.pairs import Pair, make_pair, pairs
from mots_ros.training.targets import (
    MIN_OVERLAP,
    draw_gaussian,
    frame_targets,
    gaussian_radius,
)


class ToyDrive:
    """A red car that drives to the right and a green pedestrian that leaves after ten frames."""

    name = "toy"
    class_names = ("car", "pedestrian")

    def __len__(self) -> int:
        return 16

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        for t in range(len(self)):
            image = np.full((128, 416, 3), 90, np.uint8)
            instances = np.zeros((128, 416), np.uint16)
            instances[48:80, 40 + 12 * t : 104 + 12 * t] = 1001
            if t < 10:
                instances[32:96, 300:324] = 2001
            image[instances == 1001] = (200, 30, 30)
            image[instances == 2001] = (30, 200, 30)
            # Four times as large, so that training halves it.
            image, instances = (a.repeat(4, axis=0).repeat(4, axis=1) for a in (image, instances))
            yield AnnotatedFrame(Frame(t * 10**8, "camera", image), instances)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    cache = tmp_path_factory.mktemp("cache")
    load_clips([ToyDrive()], cache, workers=1)
    # The second time it comes from the cache.
    (clip,) = load_clips([ToyDrive()], cache, workers=1)
    return clip


def test_clip_is_the_drive_at_training_size(clip: Clip) -> None:
    assert clip.images.shape == (16, 256, 832, 3)
    assert clip.scale == 0.5
    np.testing.assert_array_equal(clip.boxes[0][1001], [80, 96, 208, 160])
    assert sorted(clip.boxes[10]) == [1001]


def test_frame_targets_by_hand() -> None:
    instances = np.zeros((32, 64), np.uint16)
    instances[4:20, 8:24] = 1003
    instances[8:24, 40:50] = 2001
    instances[0:4, 60:64] = 2002  # 16 pixels: too small
    instances[28:32, 0:8] = 10000
    targets = frame_targets(instances, classes=2, min_area=24)
    assert targets.ids.tolist() == [1003, 2001]
    assert targets.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(targets.centres, [[4, 3], [11.25, 4]])
    np.testing.assert_array_equal(targets.sizes, [[4, 4], [2.5, 4]])
    np.testing.assert_array_equal(targets.pixels, [[4, 3], [11, 4]])
    assert targets.heat[0, 3, 4] == 1 and targets.heat[1, 4, 11] == 1
    assert (targets.heat == 1).sum() == 2
    assert targets.heat_weight[7, 0] == 0 and targets.heat_weight[0, 15] == 0
    assert targets.heat_weight.sum() == 8 * 16 - 3
    np.testing.assert_array_equal(targets.masks[1], instances == 2001)
    assert targets.semantic.sum(axis=(1, 2)).tolist() == [16, 10]
    assert targets.semantic[1, 4, 12] == 0.5


def test_no_objects() -> None:
    targets = frame_targets(np.zeros((32, 64), np.uint16), 2, 24)
    assert targets.masks.shape == (0, 32, 64)
    assert targets.pixels.shape == (0, 2)
    assert (targets.heat_weight == 1).all()


def test_gaussian_radius_keeps_the_overlap() -> None:
    for width, height in [(10, 20), (40, 40), (100, 8)]:
        r = gaussian_radius(np.array([width, height], np.float32)) + 1
        shared = (width - r) * (height - r)
        assert shared / (2 * width * height - shared) < MIN_OVERLAP
        r -= 1
        shared = (width - r) * (height - r)
        assert shared / (2 * width * height - shared) >= MIN_OVERLAP


def test_gaussian_at_the_edge() -> None:
    heat = np.zeros((4, 5), np.float32)
    draw_gaussian(heat, np.array([0, 3]), 2)
    assert heat[3, 0] == 1
    assert heat[3, 1] == heat[2, 0] == pytest.approx(np.exp(-1 / (2 * (5 / 6) ** 2)))
    assert heat[3, 3] == 0


def test_focal_loss_by_hand() -> None:
    logits = torch.tensor([0.0, 0.0, 2.0])
    target = torch.tensor([1.0, 0.5, 0.0])
    p = 1 / (1 + np.exp(-2.0))
    expected = [0.25 * np.log(2), 0.5**4 * 0.25 * np.log(2), -(p**2) * np.log(1 - p)]
    np.testing.assert_allclose(focal_map(logits, target), expected, rtol=1e-5)


def test_dice_loss_of_equal_and_disjoint_masks() -> None:
    target = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    found = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(dice_loss(found, target), torch.tensor(0.5), atol=1e-3, rtol=0)


def test_mask_loss_asks_for_the_outline_between_cells() -> None:
    """A strip two pixels wide, half a cell: the cell's probability that draws it so wide wins over
    the one that says what share of the cell it covers."""
    target = torch.zeros(1, 4, 12)
    target[..., 5:7] = 1

    def loss(middle: float) -> float:
        probability = torch.tensor([[[0.01, middle, 0.01]]])
        return float(mask_loss(torch.logit(probability), target))

    assert loss(0.65) < loss(0.5) - 0.1
    assert loss(0.65) < loss(0.99) - 0.1


def test_semantic_loss_by_hand() -> None:
    """Two covered cells, one of them found with certainty; an ignored cell; an uncertain one."""
    logits = torch.tensor([[[[0.0, 99.0, 99.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    weight = torch.tensor([[[1.0, 1.0, 0.0, 1.0]]])
    expected = 2 * 0.25 * np.log(2) / 2
    assert float(semantic_loss(logits, target, weight)) == pytest.approx(expected)


def test_pair_speaks_of_one_view(clip: Clip) -> None:
    """The prediction, moved into the view, lies where the object is found in the later frame."""
    distances = []
    for seed in range(30):
        pair = make_pair(clip, 7, 9, (128, 256), np.random.default_rng(seed))
        for i, instance in enumerate(pair.earlier_targets.ids):
            found = np.flatnonzero(pair.later_targets.ids == instance)
            if len(found):
                truth = pair.later_targets.centres[found[0]]
                peak = np.unravel_index(pair.responses[i].argmax(), pair.responses[i].shape)
                assert peak[::-1] == tuple(pair.later_targets.pixels[found[0]])
                size = pair.later_targets.sizes[found[0]]
                # Objects cut by the crop's edge have another centre than the whole object.
                if (truth - size / 2 > 0.5).all() and (truth + size / 2 < (63.5, 31.5)).all():
                    distances.append(np.linalg.norm(pair.references[i] - truth))
            else:
                assert pair.responses[i].max() == 0
    assert len(distances) > 10
    # The car moves by six map pixels between the frames at unit scale; the filter knows it.
    assert np.median(distances) < 1.5


def test_gone_object_has_no_response(clip: Clip) -> None:
    pair = make_pair(clip, 9, 11, (256, 832), np.random.default_rng(3))
    for i, instance in enumerate(pair.earlier_targets.ids):
        if instance == 2001:
            assert pair.responses[i].max() == 0
            return
    pytest.fail("the pedestrian is not in the earlier frame of this view")


def test_pairs_are_repeatable(clip: Clip) -> None:
    first, again = (next(pairs([clip], (64, 128), seed=5)) for _ in range(2))
    np.testing.assert_array_equal(first.later, again.later)
    np.testing.assert_array_equal(first.references, again.references)


def test_losses_are_finite_without_objects() -> None:
    targets = frame_targets(np.zeros((64, 64), np.uint16), 2, 24)
    nobody = np.zeros((0, 2), np.float32)
    image = np.zeros((64, 64, 3), np.uint8)
    pair = Pair(image, image, targets, targets, nobody, np.zeros((0, 16, 16), np.float32))
    for name, loss in pair_losses(SearchTrackNet(LIGHT), torch.nn.Conv2d(8, 2, 1), [pair]).items():
        assert torch.isfinite(loss), name


def test_a_few_steps_learn_the_toy_drive(clip: Clip) -> None:
    torch.manual_seed(0)
    net, semantic = SearchTrackNet(LIGHT), torch.nn.Conv2d(8, 2, 1)
    probe = [make_pair(clip, 5, 6, (128, 256), np.random.default_rng(s)) for s in range(4)]

    def total() -> float:
        return sum(loss.item() for loss in pair_losses(net.train(), semantic, probe).values())

    before = total()
    saved: list[int] = []
    schedule = Schedule(iterations=8, batch=2, learning_rate=1e-3, warmup=1)
    train(net, pairs([clip], (128, 256), 0), schedule, lambda _, step: saved.append(step), 4)
    assert total() < 0.5 * before
    assert saved == [4, 8]


def test_a_loss_that_is_not_finite_stops(clip: Clip, tmp_path: Path) -> None:
    net = SearchTrackNet(LIGHT)
    torch.nn.init.constant_(net.hm[2].bias, float("nan"))  # type: ignore[arg-type]
    schedule = Schedule(iterations=1, batch=1, learning_rate=1e-3)
    with pytest.raises(FloatingPointError, match="iteration 0"):
        train(net, pairs([clip], (64, 128), 0), schedule, lambda *_: None, 1)
