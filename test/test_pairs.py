"""Training samples: one view of two frames, objects pasted into them, batches of them."""

import dataclasses
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mots_ros.core.letterbox import INPUT_SIZE
from mots_ros.data.drives import AnnotatedFrame
from mots_ros.training import pairs as module
from mots_ros.training.augment import boxes_in, points_in, random_view
from mots_ros.training.clips import SHARPNESS, Clip, load_clips
from mots_ros.training.pairs import Pair, PairDataset, collate, make_pair
from mots_ros.training.paste import Cutout, Guest, paste, random_cutout, random_guest
from mots_ros.training.targets import frame_targets
from toy_drive import ToyDrive, toy_clip

WHOLE = np.eye(2, 3)
VIEW = (256, 832)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    cache = tmp_path_factory.mktemp("cache")
    toy_clip(cache)
    # The second time it comes from the cache.
    return toy_clip(cache)


def test_clip_is_the_drive_at_training_size(clip: Clip) -> None:
    assert clip.images.shape == (16, 256, 832, 3)
    assert clip.scale == pytest.approx(0.5, abs=1e-4)
    np.testing.assert_array_equal(clip.boxes[0][1001], [80, 96, 208, 160])
    assert sorted(clip.boxes[10]) == [1001]


def test_clips_are_small_and_keep_no_file_open(tmp_path: Path) -> None:
    """There may be more drives than a process may have files; the drive's images have 1664x512."""
    before = len(os.listdir("/proc/self/fd"))
    (clip,) = load_clips([ToyDrive()], tmp_path, workers=1)
    assert len(os.listdir("/proc/self/fd")) == before
    assert clip.images.shape == (16, 341, 1109, 3)
    assert pytest.approx(SHARPNESS * math.prod(INPUT_SIZE), rel=0.01) == 341 * 1109
    assert clip.scale == pytest.approx(1109 / 1664, abs=1e-3)
    assert clip.shown == pytest.approx(1 / math.sqrt(SHARPNESS), abs=1e-3)


def test_small_images_stay_small_on_disk_and_are_shown_enlarged(tmp_path: Path) -> None:
    (clip,) = load_clips([ToyDrive()], tmp_path, workers=1, pixels=4 * 512 * 1664)
    assert (clip.scale, clip.shown) == (1.0, 2.0)


@pytest.mark.parametrize(("shown", "smallest", "largest"), [(0.5, 0.325, 0.675), (2.0, 0.65, 2.7)])
def test_views_are_about_as_large_as_an_image_that_fills_the_input_or_as_stored(
    clip: Clip, shown: float, smallest: float, largest: float
) -> None:
    clip, rng = dataclasses.replace(clip, shown=shown), np.random.default_rng(0)
    scales = [random_view(clip, 0, (64, 128), rng)[1, 1] for _ in range(200)]
    assert smallest <= min(scales) < 1.05 * smallest
    assert largest / 1.05 < max(scales) <= largest


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"toy: expected frames of \(512, 1664\) pixels, found \(1"
    ):
        load_clips([Growing()], tmp_path, workers=1)


class Growing(ToyDrive):
    """A drive whose last frame is another's."""

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        *frames, last = super().__iter__()
        yield from frames
        yield dataclasses.replace(last, instances=last.instances[:100, :100])


def test_a_sample_depends_on_seed_and_index_alone(clip: Clip) -> None:
    first, again = (PairDataset([clip], [1], (64, 128), seed=5) for _ in range(2))
    for index in (3, 0):
        one, other = first[index], again[index]
        np.testing.assert_array_equal(one.images[1], other.images[1])
        np.testing.assert_array_equal(one.references, other.references)
        np.testing.assert_array_equal(one.places[1], other.places[1])
    assert (first[0].images[1] != first[1].images[1]).any()


def test_clips_are_chosen_by_weight(clip: Clip) -> None:
    dark = dataclasses.replace(clip, images=np.zeros_like(clip.images))
    samples = PairDataset([clip, dark], [1, 3], (64, 64), seed=0)
    mean = np.mean([np.ptp(samples[i].images[1].astype(int)) < 60 for i in range(60)])
    assert 0.5 < mean < 0.95


def test_a_pair_speaks_of_one_view(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prediction, moved into the view, lies where the object is found in the later frame."""
    monkeypatch.setattr(module, "GUESTS", 0)
    monkeypatch.setattr(module, "GAPS", np.array([0, 0, 1.0]))
    distances = []
    samples = PairDataset([clip], [1], (128, 256), seed=0)
    for pair in (samples[i] for i in range(30)):
        for i, instance in enumerate(pair.targets[0].ids):
            found = np.flatnonzero(pair.targets[1].ids == instance)
            if len(found):
                truth = pair.targets[1].centres[found[0]]
                peak = np.unravel_index(pair.responses[i].argmax(), pair.responses[i].shape)
                assert peak[::-1] == tuple(pair.targets[1].pixels[found[0]])
                size = pair.targets[1].sizes[found[0]]
                # Objects cut by the crop's edge have another centre than the whole object.
                if (truth - size / 2 > 0.5).all() and (truth + size / 2 < (63.5, 31.5)).all():
                    distances.append(np.linalg.norm(pair.references[i] - truth))
            else:
                assert pair.responses[i].max() == 0
    assert len(distances) > 10
    # The car moves by six map pixels between the frames at unit scale; the filter knows it.
    assert np.median(distances) < 1.5


@pytest.mark.parametrize("side", [1, -1])
def test_an_object_cut_by_the_view_is_expected_where_its_visible_part_will_be(
    clip: Clip, side: int
) -> None:
    """The view ends in the middle of the pedestrian, who stands still; a flip changes nothing."""
    pedestrian = clip.boxes[3][2001]
    middle = pedestrian.reshape(2, 2).mean(0)[0]
    view = np.array([[side, 0, 128 - side * (middle + side * 128)], [0, 1, 0]])
    pair = make_pair(clip, (3, 4), view, (256, 256), np.random.default_rng(0))
    (found,) = np.flatnonzero(pair.targets[0].ids == 2001)
    assert pair.targets[0].sizes[found, 0] < 0.6 * (pedestrian[2] - pedestrian[0]) / 4
    np.testing.assert_allclose(pair.references[found], pair.targets[1].centres[found], atol=0.7)


def test_a_gone_object_has_no_response(clip: Clip) -> None:
    pair = make_pair(clip, (9, 11), WHOLE, (256, 832), np.random.default_rng(3))
    assert pair.targets[0].ids.tolist() == [1001, 2001]
    assert pair.responses[0].max() == 1
    assert pair.responses[1].max() == 0


def test_objects_are_read_at_their_centre_or_beside_it(clip: Clip) -> None:
    moved = []
    for seed in range(20):
        pair = make_pair(clip, (2, 3), WHOLE, (256, 832), np.random.default_rng(seed))
        moved.append(abs(pair.places[0] - pair.targets[0].pixels).max())
    assert set(moved) == {0, 1}


def test_points_and_boxes_follow_the_view() -> None:
    """Twice as large and mirrored at the tenth column."""
    view = np.array([[-2.0, 0, 18], [0, 2, 0.5]])
    # The pixel in column 3 covers [3, 4); in the view it covers [12, 14).
    np.testing.assert_allclose(points_in(view, np.array([3.5, 0.5])), [12.5, 1.0])
    (box,) = boxes_in(view, {1001: np.array([2.0, 1, 5, 3], np.float32)}).values()
    np.testing.assert_allclose(box, [9.5, 2, 15.5, 6])


def test_a_cutout_is_an_object_without_its_surroundings(clip: Clip) -> None:
    cutout = random_cutout(clip, np.random.default_rng(0))
    assert cutout is not None
    colour = {1: (200, 30, 30), 2: (30, 200, 30)}[cutout.class_id]
    assert cutout.mask.all()
    assert (cutout.image == colour).all(axis=2).mean() > 0.9


def test_a_guest_keeps_close_to_its_own_class() -> None:
    cutout = Cutout(np.zeros((40, 20, 3), np.uint8), np.ones((40, 20), bool), class_id=2)
    earlier = {1001: np.array([0.0, 0, 50, 20]), 2001: np.array([300.0, 100, 320, 140])}
    later = {2001: np.array([330.0, 100, 350, 140])}
    for seed in range(20):
        guest = random_guest(3, cutout, (earlier, later), 1, VIEW, np.random.default_rng(seed))
        assert guest is not None and guest.instance == 2903
        assert abs(guest.centres[0] - (310, 120)).max() < 80
        assert guest.centres[1][0] - guest.centres[0][0] == pytest.approx(30, abs=10)
        assert 30 < guest.heights[0] < 52
        assert np.linalg.norm(guest.expected - guest.centres[1]) < 8
    nobody = {1001: earlier[1001]}
    assert random_guest(0, cutout, (nobody, nobody), 1, VIEW, np.random.default_rng(0)) is None


def test_a_guest_keeps_close_to_who_is_in_the_view() -> None:
    cutout = Cutout(np.zeros((40, 20, 3), np.uint8), np.ones((40, 20), bool), class_id=2)
    inside, outside = np.array([300.0, 100, 320, 140]), np.array([-30.0, 100, -10, 140])
    rng = np.random.default_rng(0)
    for _ in range(20):
        guest = random_guest(0, cutout, ({2001: inside, 2002: outside},) * 2, 1, VIEW, rng)
        assert guest is not None and guest.centres[0][0] > 200
    assert random_guest(0, cutout, ({2002: outside},) * 2, 1, VIEW, rng) is None


def test_a_guest_is_hardly_larger_than_it_was_and_may_be_smaller() -> None:
    """Hosts of 40 pixels make guests of 32 to 50. Shrunk to a half and less, every pixel counts:
    stripes of a row in four leave an even grey."""
    rng = np.random.default_rng(0)
    host = {2001: np.array([300.0, 100, 320, 140])}
    low = Cutout(np.zeros((20, 10, 3), np.uint8), np.ones((20, 10), bool), class_id=2)
    assert random_guest(0, low, (host, host), 1, VIEW, rng) is None
    striped = np.zeros((480, 240, 3), np.uint8)
    striped[::4] = 200
    high = Cutout(striped, np.ones((480, 240), bool), class_id=2)
    guest = random_guest(0, high, (host, host), 1, VIEW, rng)
    assert guest is not None and len(guest.cutout.mask) == round(guest.heights[0])
    assert guest.cutout.mask.all()
    assert abs(guest.cutout.image.astype(int) - 50).max() < 25


@pytest.mark.parametrize(
    ("centre", "columns", "rows"),
    [((10, 8), (6, 14), (4, 12)), ((0, 8), (0, 4), (4, 12)), ((19, 15), (15, 20), (11, 16))],
)
def test_pasting_by_hand(
    centre: tuple[int, int], columns: tuple[int, int], rows: tuple[int, int]
) -> None:
    """A cutout of four pixels a side, twice as large, also over the image's edge."""
    cutout = Cutout(np.full((4, 4, 3), 200, np.uint8), np.ones((4, 4), bool), 1)
    at = np.array(centre, np.float32)
    guest = Guest(cutout, 1900, (at, at), (8.0, 8.0), at)
    image, instances = np.zeros((16, 20, 3), np.uint8), np.zeros((16, 20), np.uint16)
    paste(image, instances, guest, side=1)
    expected = np.zeros((16, 20), bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(instances == 1900, expected)
    assert (image[expected] > 100).all()
    far = dataclasses.replace(guest, centres=(at - 100, at - 100))
    before = instances.copy()
    paste(image, instances, far, side=0)
    np.testing.assert_array_equal(instances, before)


def test_a_batch_lists_objects_by_frame(clip: Clip) -> None:
    rng = np.random.default_rng(0)
    both = make_pair(clip, (8, 9), WHOLE, (256, 832), rng)
    leaving = make_pair(clip, (9, 10), WHOLE, (256, 832), rng)
    batch = collate([both, leaving])
    assert batch.images.shape == (4, 256, 832, 3)
    np.testing.assert_array_equal(batch.images[1], leaving.images[0])
    np.testing.assert_array_equal(batch.images[2], both.images[1])
    assert batch.counts == (2, 2, 2, 1)
    assert batch.frame.tolist() == [0, 0, 1, 1, 2, 2, 3]
    np.testing.assert_array_equal(batch.centre[2:4], leaving.targets[0].centres)
    assert batch.place.shape == (7, 2) and batch.masks.shape == (7, 256, 832)
    assert len(batch.reference) == len(batch.response) == 4
    np.testing.assert_array_equal(batch.response[3], leaving.responses[1])
    assert batch.to(torch.device("cpu")).counts == batch.counts


def test_batches_without_objects() -> None:
    targets = frame_targets(np.zeros((64, 64), np.uint16), (True, True), 24)
    nothing = np.zeros((0, 2), np.int64)
    image = np.zeros((64, 64, 3), np.uint8)
    empty = Pair(
        *((image, image), (targets, targets), (nothing, nothing)),
        np.zeros((0, 2), np.float32),
        np.zeros((0, 16, 16), np.float32),
    )
    batch = collate([empty])
    assert batch.counts == (0, 0)
    assert batch.masks.shape == (0, 64, 64)
