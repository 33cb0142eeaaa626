"""The detector reads boxes, labels and masks where the network puts them, in image pixels."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mots_ros.config import DetectorConfig
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import cells_around
from mots_ros.core.types import Frame, Image
from mots_ros.detection.detector import CenterNetDetector, letterbox_of
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets.dynamic import parameter_count
from mots_ros.nets.search import SearchHead, search
from mots_ros.nets.searchtrack import LIGHT, Features, HeadMaps, SearchTrackNet

CPU = torch.device("cpu")
CONFIG = DetectorConfig(input_width=256, input_height=64)
COARSE = replace(LIGHT, fine_masks=False)
FRAME = Frame(5, "camera", np.zeros((128, 512, 3), np.uint8))


class DrawnNet(SearchTrackNet):
    """Sees one pedestrian of 4 x 8 map pixels at map pixel (20, 6), whatever the image; its mask
    is everything at and right of column 19."""

    def features(self, image: Tensor) -> Features:
        return Features(torch.zeros(1, 1, 16, 64), None, ())

    def heads(self, features: Features) -> HeadMaps:
        heat = torch.full((1, 2, 16, 64), -9.0)
        heat[0, 1, 6, 20] = 2.0
        size = torch.tensor([4.0, 8.0]).view(1, 2, 1, 1).expand(1, 2, 16, 64)
        offset = torch.full((1, 2, 16, 64), 0.25)
        mask = torch.zeros(1, 8, 16, 64)
        mask[0, 0] = torch.arange(64.0) - 18.5
        search = torch.zeros(1, 16, 16, 64)
        return HeadMaps(heat, size, offset, amodal=None, search=search, mask=mask)

    def search_kernels(self, features: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return torch.ones(len(x), parameter_count(16))

    def mask_kernels(self, features: Tensor, batch: Tensor, y: Tensor, x: Tensor) -> Tensor:
        w1 = torch.zeros(8, 10)
        w1[0, 2], w1[1, 2] = 1, -1
        w2 = torch.eye(8)
        w3 = torch.zeros(8)
        w3[0], w3[1] = 10, -10
        zeros = torch.zeros(17)
        return torch.cat([w1.flatten(), w2.flatten(), w3, zeros]).expand(len(x), -1)


def test_one_object_in_image_pixels() -> None:
    net = DrawnNet(COARSE)
    detector = CenterNetDetector(NetworkRunner(net, CPU), CONFIG, SearchHead(search))
    (observation,) = detector(FRAME)
    found = observation.detections
    assert detector.class_names == ("car", "pedestrian")
    assert observation.frame is FRAME
    assert found.labels.tolist() == [1]
    assert found.scores == pytest.approx(1 / (1 + np.exp(-2.0)))
    # One map pixel is 4 input pixels is 8 image pixels; the centre is (20.25, 6.25).
    np.testing.assert_allclose(found.boxes, [[146, 18, 178, 82]], rtol=1e-6)
    assert found.masks is not None
    assert found.masks.shape == (1, 16, 64)
    # The mask is the object's network inside its box, and a little around it.
    drawn = np.arange(64) >= np.full((16, 1), 19)
    ((left, top, right, bottom),) = cells_around(found.boxes, observation.letterbox.reduced(4))
    assert left < 18 and right > 22 and top < 2 and bottom > 10
    inside = np.zeros((16, 64), bool)
    inside[top:bottom, left:right] = True
    np.testing.assert_array_equal(np.asarray(found.masks)[0] > 0.5, drawn & inside)
    assert observation.features.kernels.shape == (1, 593)


def test_an_observation_that_was_read_holds_no_more_than_it_tells() -> None:
    """Whole drives are recorded: the features alone are megabytes a frame."""
    kept: list[weakref.ref[Tensor]] = []

    class Watched(NetworkRunner):
        def look(self, image: Image, letterbox: Letterbox) -> tuple[Tensor, HeadMaps]:
            shared, maps = super().look(image, letterbox)
            kept.extend(map(weakref.ref, (shared, maps.heat)))
            return shared, maps

    detector = CenterNetDetector(Watched(DrawnNet(COARSE), CPU), CONFIG, SearchHead(search))
    (observation,) = detector(FRAME)
    assert all(each() is not None for each in kept)
    assert len(observation.detections) == len(observation.features.kernels) == 1
    np.asarray(observation.detections.masks)
    assert [each() for each in kept] == [None, None]


def test_parameters_of_a_frame_are_those_when_it_came() -> None:
    detector = CenterNetDetector(NetworkRunner(DrawnNet(COARSE), CPU), CONFIG)
    (observation,) = detector(FRAME)
    detector.config = replace(CONFIG, score_threshold=0.95)
    assert len(observation.detections) == 1


def test_nothing_above_the_threshold_is_an_empty_observation() -> None:
    config = DetectorConfig(input_width=256, input_height=64, score_threshold=0.95)
    net = DrawnNet(COARSE)
    detector = CenterNetDetector(NetworkRunner(net, CPU), config, SearchHead(search))
    (observation,) = detector(FRAME)
    assert len(observation.detections) == 0
    assert observation.detections.boxes.shape == (0, 4)
    assert observation.detections.masks is not None
    assert observation.detections.masks.shape == (0, 16, 64)
    assert observation.features.kernels.shape == (0, 593)


def test_a_real_network_runs_on_odd_image_sizes() -> None:
    torch.manual_seed(0)
    config = DetectorConfig(input_width=96, score_threshold=0.0, max_detections=7, nms_overlap=1.0)
    detector = CenterNetDetector(NetworkRunner(SearchTrackNet(LIGHT), CPU), config)
    image = np.random.default_rng(0).integers(0, 256, (77, 131, 3), np.uint8)
    (observation,) = detector(Frame(0, "camera", image))
    found = observation.detections
    assert len(found) == 7
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(
    ("image", "expected"),
    [((375, 1242), (192, 640)), ((480, 640), (480, 640)), ((10, 2000), (32, 640))],
)
def test_input_height_follows_the_image(image: tuple[int, int], expected: tuple[int, int]) -> None:
    letterbox = letterbox_of(image, DetectorConfig(input_width=640))
    assert letterbox == Letterbox.contain(image, expected)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((375, 1242), (320, 1056)),
        ((480, 640), (480, 640)),
        ((1080, 1920), (448, 768)),
        ((1920, 1080), (800, 448)),
        ((120, 160), (128, 160)),
        ((20000, 1), (4096, 32)),
        ((1, 20000), (32, 4096)),
    ],
)
def test_input_takes_the_same_time_for_all_cameras(
    image: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert letterbox_of(image, DetectorConfig()) == Letterbox.contain(image, expected)


def test_input_height_as_set() -> None:
    assert letterbox_of((375, 1242), CONFIG) == Letterbox.contain((375, 1242), (64, 256))


def test_small_images_may_keep_their_size() -> None:
    config = DetectorConfig(input_width=960, input_height=544, fit="keep_small")
    small = letterbox_of((480, 650), config)
    # As the released program, also one step above what would fit.
    assert (small.scale, small.input_size) == (1.0, (512, 672))
    assert (small.offset_x, small.offset_y) == (11.0, 16.0)
    assert letterbox_of((1080, 1920), config) == Letterbox.contain((1080, 1920), (544, 960))


def test_the_longer_side_takes_the_width() -> None:
    config = DetectorConfig(input_width=1280, input_height=384, fit="longer_side")
    letterbox = letterbox_of((375, 1242), config)
    assert letterbox.scale == 1280 / 1242
    assert letterbox.offset_y == pytest.approx((384 - 375 * 1280 / 1242) / 2)


class CrowdNet(DrawnNet):
    """Sees a second pedestrian two map pixels beside the first, and one two pixels below that is
    the first once more; there, too, a car."""

    def heads(self, features: Features) -> HeadMaps:
        maps = super().heads(features)
        maps.heat[0, 1, 6, 22] = 1.5
        maps.heat[0, 1, 8, 20] = 1.0
        maps.heat[0, 0, 8, 20] = 0.5
        return maps


@pytest.mark.parametrize(
    ("overlap", "labels", "left"),
    # Boxes of 4 x 8 pixels overlap by 1/3 beside each other, by 3/5 below each other.
    [
        (0.5, [1, 1, 0], [146, 162, 146]),
        (0.3, [1, 0], [146, 146]),
        (1.0, [1, 1, 1, 0], [146, 162, 146, 146]),
    ],
)
def test_neighbours_remain_and_repetitions_go(
    overlap: float, labels: list[int], left: list[int]
) -> None:
    net = CrowdNet(COARSE)
    config = replace(CONFIG, nms_overlap=overlap)
    detector = CenterNetDetector(NetworkRunner(net, CPU), config, SearchHead(search))
    (observation,) = detector(FRAME)
    found = observation.detections
    assert found.labels.tolist() == labels
    np.testing.assert_allclose(found.boxes[:, 0], left)
    assert found.masks is not None
    assert found.masks.shape == (len(labels), 16, 64)
    assert observation.features.kernels.shape == (len(labels), 593)


class AmodalNet(DrawnNet):
    """The pedestrian as a MOT17 model sees it: the whole body by its edges, no mask."""

    def heads(self, features: Features) -> HeadMaps:
        edges = torch.tensor([-3.0, -8.0, 3.0, 12.0]).view(1, 4, 1, 1).expand(1, 4, 16, 64)
        return replace(super().heads(features), amodal=edges, mask=None)


def test_whole_objects_may_leave_the_image_and_need_no_masks() -> None:
    spec = replace(COARSE, mask_head=False, amodal_head=True)
    detector = CenterNetDetector(NetworkRunner(AmodalNet(spec), CPU), CONFIG)
    (observation,) = detector(FRAME)
    found = observation.detections
    # From map pixel (20, 6) on; a map pixel is 8 image pixels.
    np.testing.assert_allclose(found.boxes, [[136, -16, 184, 144]])
    assert found.masks is None
