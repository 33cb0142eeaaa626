"""What happens on a GPU and not on a processor: the same numbers, here mostly on a processor.

The last tests need a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mots_ros.build import build_pipeline
from mots_ros.config import Config
from mots_ros.core.letterbox import Letterbox
from mots_ros.core.masks import DeferredMasks, WindowedMasks, compose_label_image
from mots_ros.core.types import Detections, FloatArray
from mots_ros.data.street import StreetDrive
from mots_ros.detection import detector as detector_module
from mots_ros.detection.gpu_masks import GpuMasks
from mots_ros.detection.recorded import Recorded
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets.decode import decode
from mots_ros.nets.dynamic import dynamic_network_around, parameter_count
from mots_ros.nets.normalise import letterboxed, normalised, statistics
from mots_ros.nets.search import search
from mots_ros.nets.searchtrack import (
    DLA34,
    DLA34_MOT,
    LIGHT,
    Features,
    NetworkSpec,
    SearchTrackNet,
)
from mots_ros.trackers.searchtrack import SearchTracker

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")


@pytest.mark.parametrize(
    "letterbox",
    [
        Letterbox.contain((375, 1242), (256, 832)),
        Letterbox.longer_side((375, 1242), (384, 1280)),
        Letterbox.contain((480, 640), (480, 640)),
        Letterbox.contain((1080, 1920), (192, 320)),  # less than half, and black on the sides
        Letterbox.centred((375, 1242), (128, 416), 0.45),  # cut off
        Letterbox((375, 1242), (256, 832), 0.6, -20.0, 10.0),
    ],
    ids=["smaller", "larger", "as it is", "much smaller", "cut off", "anywhere"],
)
def test_images_are_sampled_as_opencv_does(letterbox: Letterbox) -> None:
    """OpenCV knows 32 places between two pixels; here they are a few levels apart. Where a pixel
    shows a part of the image's last row, OpenCV rounds."""
    noise = np.random.default_rng(0).integers(0, 256, (*letterbox.image_size, 3), np.uint8)
    images = np.stack([cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (2, 4)])
    found = letterboxed(torch.from_numpy(images), letterbox).numpy()
    bottom = letterbox.offset_y + letterbox.scale * letterbox.image_size[0]
    whole_rows = np.arange(letterbox.input_size[0]) != int(bottom)
    for image, view in zip(images, found, strict=True):
        expected = letterbox.warp(image)
        assert view.shape == expected.shape
        difference = np.abs(view - expected)[whole_rows]
        assert difference.max() < 4 and difference.mean() < 0.5


def test_to_normalise_leaves_what_it_is_given() -> None:
    image = torch.rand(1, 4, 6, 3) * 255
    before = image.clone()
    channels = statistics()
    expected = normalised(image.round().to(torch.uint8), channels)
    torch.testing.assert_close(normalised(image.round(), channels), expected)
    torch.testing.assert_close(image, before)
    assert normalised(image, channels).data_ptr() != image.data_ptr()


SIZE = (60, 100)
LETTERBOX = Letterbox.contain(SIZE, (60, 100))
OBJECTS = st.lists(
    st.tuples(st.floats(-20, 90), st.floats(-20, 50), st.floats(0, 60), st.floats(0, 40)),
    max_size=5,
)


@given(OBJECTS, st.integers(0, 2**31))
@settings(deadline=None)
def test_label_images_are_composed_as_on_a_processor(
    objects: list[tuple[float, float, float, float]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    corners = np.array(objects, np.float32).reshape(-1, 4)
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    # Probabilities that nowhere come near one half: there the last digit would decide.
    masks = rng.choice(np.array([0.1, 0.9], np.float32), (len(boxes), 1, 1))
    masks = np.broadcast_to(masks, (len(boxes), *LETTERBOX.map_size)).copy()
    scores, ids = rng.random(len(boxes), np.float32), rng.integers(1, 200_000, len(boxes))
    there: Any = GpuMasks(torch.from_numpy(masks))
    on_processor, on_gpu = (
        compose_label_image(
            Detections(boxes, scores, np.zeros(len(boxes), np.int64), held), ids, LETTERBOX, SIZE
        )
        for held in (masks, there)
    )
    assert on_gpu.dtype == np.uint16
    np.testing.assert_array_equal(on_gpu, on_processor)


def test_masks_that_stay_on_a_gpu_are_an_array_to_whoever_asks() -> None:
    masks = np.random.default_rng(0).random((4, 3, 5), np.float32)
    there = GpuMasks(torch.from_numpy(masks))
    assert there.shape == masks.shape
    np.testing.assert_array_equal(np.asarray(there), masks)
    np.testing.assert_array_equal(np.asarray(there) > 0.5, masks > 0.5)
    chosen: NDArray[Any]
    for chosen in (np.array([2, 0]), np.array([True, False, False, True]), np.arange(4)[::-1]):
        np.testing.assert_array_equal(np.asarray(there[chosen]), masks[chosen])
        assert there[chosen].shape == masks[chosen].shape


@pytest.mark.parametrize(
    "tracker", ["searchtrack", "sort", "trackrcnn", "siammot", "dior", "cstrack"]
)
def test_every_tracker_takes_masks_that_stay_on_a_gpu(
    tracker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = StreetDrive(seed=3, length=4, size=(192, 640))
    config = Config().with_values({"tracker.name": tracker, "detector.input_width": 320})

    def label_images() -> list[NDArray[np.uint16]]:
        pipeline = build_pipeline(config)
        tracked = [result for item in drive for result in pipeline.step(item.frame)]
        return [result.label_image for result in tracked + pipeline.finish()]

    def held(*arguments: Any) -> GpuMasks:
        masks = WindowedMasks(*arguments)
        return GpuMasks(torch.from_numpy(np.asarray(masks)))

    expected = label_images()
    monkeypatch.setattr(detector_module, "WindowedMasks", held)
    found = label_images()
    assert len(found) == len(expected) == 4 and expected[-1].any()
    for mine, other in zip(found, expected, strict=True):
        assert (mine != other).mean() < 1e-4


class Elsewhere(torch.Tensor):
    """Says that it is not in the processor's memory."""

    is_cpu = False


def test_regions_are_cut_out_as_on_a_processor() -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(8, 12, 20, generator=random)
    weights = torch.randn(5, parameter_count(8), generator=random)
    centres = 12 * torch.rand(5, 2, generator=random)
    corners = torch.tensor([[0, 0], [13, 0], [0, 5], [13, 5], [6, 2]])
    expected = dynamic_network_around(features, weights, centres, corners, (7, 7))
    elsewhere = features.as_subclass(Elsewhere)  # type: ignore[no-untyped-call]
    found = dynamic_network_around(elsewhere, weights, centres, corners, (7, 7))
    torch.testing.assert_close(found.as_subclass(torch.Tensor), expected)  # type: ignore[no-untyped-call]


def test_masks_are_drawn_as_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = StreetDrive(seed=3, length=1, size=(192, 640))
    config = Config().with_values({"detector.input_width": 320})
    expected = build_pipeline(config).step(item.frame)[0]
    look = NetworkRunner.look

    def elsewhere(*arguments: Any) -> Any:
        shared, maps = look(*arguments)
        assert maps.mask is not None
        return shared, replace(maps, mask=maps.mask.as_subclass(Elsewhere))  # type: ignore[no-untyped-call]

    monkeypatch.setattr(NetworkRunner, "look", elsewhere)
    found = build_pipeline(config).step(item.frame)[0]
    assert isinstance(found.detections.masks, DeferredMasks)
    assert isinstance(found.detections.masks.looked_at, GpuMasks)
    assert len(set(np.unique(expected.label_image))) > 2
    assert (found.label_image != expected.label_image).mean() < 1e-4


@pytest.mark.parametrize("spec", [LIGHT, DLA34], ids=["light", "dla34"])
def test_nothing_in_a_network_waits_for_its_device_or_brings_it_anything(spec: NetworkSpec) -> None:
    """A CUDA graph cannot hold either; tensors that have no values refuse both."""
    with torch.device("meta"), torch.inference_mode():
        net = SearchTrackNet(spec).eval()
        images = torch.empty(1, 3, 64, 96)
        maps = net.heads(net.features(images))
    assert maps.heat.shape == (1, 2, 16, 24) and maps.heat.is_meta


class Unwilling(TorchDispatchMode):
    """Refuses what waits for a GPU, or brings something to it."""

    def __torch_dispatch__(
        self, function: Any, types: Any, given: tuple[Any, ...] = (), named: Any = None
    ) -> Any:
        aten = torch.ops.aten
        refused = (aten.lift_fresh.default, aten.item.default, aten.nonzero.default)
        assert function not in refused, function
        if function is aten.index.Tensor:
            assert all(index is None or index.dtype is torch.int64 for index in given[1])
        return function(*given, **(named or {}))


@pytest.mark.parametrize("spec", [LIGHT, DLA34_MOT], ids=["masks", "amodal"])
@pytest.mark.parametrize("region", [0, 7])
def test_neither_do_decoding_and_search(spec: NetworkSpec, region: int) -> None:
    torch.manual_seed(0)
    net = SearchTrackNet(replace(spec, head_channels=8)).eval()
    shared, places = torch.rand(1, spec.channels[2], 16, 24), 16 * torch.rand(5, 2)
    with torch.inference_mode():
        maps = net.heads(Features(shared, shared, ladder=()))
        assert maps.offset is not None
        with Unwilling():
            found, kernels, _ = decode(
                net, shared, maps.heat, maps.size, maps.offset, maps.amodal, window=3, count=5
            )
            settings = {"region": region, "window": 5, "count": 3}
            search(maps.search[0], maps.size[0], maps.offset[0], kernels, places, **settings)
    with pytest.raises(AssertionError), Unwilling():
        found[found[:, 4] > 0.5]


class OnGpu(torch.Tensor):
    """Says that it is on a GPU."""

    is_cuda = True


class FakeGraph:
    """As a CUDA graph: it writes what the work makes of the same inputs to the same outputs."""

    replays = 0

    def replay(self) -> None:
        FakeGraph.replays += 1
        for output, value in zip(self.outputs, self.work(self.given), strict=True):
            if output is not None:
                output.copy_(value)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Doubles and trebles tensors, with a CUDA that is made up."""
    seen: list[tuple[Tensor, tuple[Any, ...], int]] = []

    def work(given: Tensor, factor: int = 1) -> tuple[Any, ...]:
        if given.shape == (3,):
            raise RuntimeError("operation not permitted when stream is capturing")
        found = (2 * factor * given, None, 3 * given)
        seen.append((given, found, factor))
        return found

    @contextmanager
    def capture(graph: FakeGraph, **_: Any) -> Iterator[None]:
        yield
        graph.given, graph.outputs, factor = seen[-1]
        graph.work = partial(work, factor=factor)

    class Stream:
        def wait_stream(self, other: Any) -> None:
            pass

    @contextmanager
    def stream(_: Stream) -> Iterator[None]:
        yield

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(FakeGraph, "replays", 0)
    return Recorded(work)


def on_gpu(*values: float) -> Tensor:
    return torch.tensor(values).as_subclass(OnGpu)


def test_what_was_recorded_is_replayed_for_every_frame(recorded: Recorded) -> None:
    first, second = recorded(on_gpu(1, 2)), recorded(on_gpu(3, 4))
    other_shape = recorded(on_gpu(5))
    assert FakeGraph.replays == 3
    # What came of the first frame is still what it was.
    assert [first[0].tolist(), first[1], first[2].tolist()] == [[2, 4], None, [3, 6]]
    assert second[2].tolist() == [9, 12] and other_shape[0].tolist() == [10]


def test_what_was_not_used_for_longest_makes_way(
    monkeypatch: pytest.MonkeyPatch, recorded: Recorded
) -> None:
    monkeypatch.setattr("mots_ros.detection.recorded._KEPT", 2)
    for count in (1, 2, 1, 4):
        recorded(on_gpu(*range(count)))
    assert [shape for ((shape,),) in zip(recorded._recordings, strict=True)] == [(1,), (4,)]


def test_each_setting_is_recorded(recorded: Recorded) -> None:
    for factor in (1, 4, 1):
        assert recorded(on_gpu(1, 2), factor=factor)[0].tolist() == [2 * factor, 4 * factor]
    assert len(recorded._recordings) == 2


def test_recordings_can_be_forgotten(recorded: Recorded) -> None:
    recorded(on_gpu(1, 2))
    recorded.forget()
    assert not recorded._recordings
    assert recorded(on_gpu(2, 3))[0].tolist() == [4, 6]


def test_a_processor_has_nothing_to_record(recorded: Recorded) -> None:
    assert recorded(torch.ones(2))[0].tolist() == [2, 2]
    assert FakeGraph.replays == 0


def test_what_cannot_be_recorded_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(graph: FakeGraph, **_: Any) -> Any:
        raise RuntimeError("CUDA error: operation not permitted")

    monkeypatch.setattr(torch.cuda, "graph", refusing)
    for value in (1.0, 2.0):
        assert recorded(on_gpu(value))[0].tolist() == [2 * value]
    assert FakeGraph.replays == 0
    assert [record.message for record in caplog.records] == [
        "going on without a CUDA graph: CUDA error: operation not permitted"
    ]


def test_a_gpu_searches_for_few_numbers_of_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    runner, counts = NetworkRunner(SearchTrackNet(LIGHT), torch.device("cpu")), []
    maps = torch.randn(16, 12, 20), torch.rand(2, 12, 20), None
    kernels, centres = torch.randn(33, parameter_count(16)), 12 * torch.rand(33, 2)
    settings = {"region": 7, "window": 5, "count": 3}
    recorded = runner._search

    def spy(*given: Any, **settings: int) -> Any:
        counts.append([len(tensor) for tensor in given[3:]])
        return recorded(*given, **settings)

    monkeypatch.setattr(runner, "_search", spy)
    for count in (1, 16, 17, 33):
        here = kernels[:count], centres[:count]
        expected = search(*maps, *here, **settings)
        there = here[0].as_subclass(OnGpu), here[1]
        for mine, other in zip(runner.search(*maps, *there, **settings), expected, strict=True):
            torch.testing.assert_close(mine.as_subclass(Tensor), other)
    assert counts == [[16, 16], [16, 16], [32, 32], [48, 48]]


@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_recorded_network_gives_what_it_gives_unrecorded(precision: str) -> None:
    torch.manual_seed(0)
    net = SearchTrackNet(LIGHT)
    net.compute_in(getattr(torch, precision))
    runner = NetworkRunner(net, torch.device("cuda"))
    runner.join()
    letterbox = Letterbox.contain((96, 160), (96, 160))
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (96, 160, 3), np.uint8) for _ in range(3)]
    seen = [(runner.features(image, letterbox), runner.look(image, letterbox)) for image in images]
    with torch.inference_mode():
        for image, (found, (shared, maps)) in zip(images, seen, strict=True):
            given = torch.from_numpy(image)[None].cuda()
            pixels = letterboxed(given, letterbox)
            expected = net.features(normalised(pixels, statistics(pixels.device)))
            apart, expected_maps = runner.heads(found, signed=False), net.heads(found)
            signed = runner.heads(found, signed=True)
            place = maps.search[0], maps.size[0], maps.offset[0]
            peaks, kernels, _ = runner.decode(shared, maps, window=3, count=5)()
            single = decode(net, shared, maps.heat, maps.size, maps.offset, None, window=3, count=5)
            wanted: Any = {"region": 7, "window": 5, "count": 3}
            asked = *place, kernels, 4 + peaks[:, 6:] / 2
            for mine, other in (
                (signed.search, expected_maps.search),
                (peaks, single[0]),
                (kernels, single[1]),
                (runner.search(*asked, **wanted)[1], search(*asked, **wanted)[1]),
                (found.shared, expected.shared),
                (found.detail, expected.detail),
                (found.ladder[0], expected.ladder[0]),
                (apart.search, expected_maps.search),
                (apart.mask, expected_maps.mask),
                (shared, expected.shared),
                (maps.search, expected_maps.search),
                (maps.mask, expected_maps.mask),
            ):
                torch.testing.assert_close(mine, other, rtol=1e-2, atol=1e-2)
    assert all(part._recordings and not part._refused for part in runner._parts)
    runner.leave()
    assert not any(part._recordings for part in runner._parts)


@needs_gpu
def test_a_gpu_tracks_as_a_processor_does() -> None:
    drive = StreetDrive(seed=3, length=12)

    def tracked(device: str) -> list[FloatArray]:
        values = {"detector.device": device, "detector.precision": "float32"}
        pipeline = build_pipeline(Config().with_values(values))
        assert isinstance(pipeline.tracker, SearchTracker)
        results = [result for item in drive for result in pipeline.step(item.frame)]
        return [(result.label_image > 0).astype(np.float32) for result in results]

    for mine, other in zip(tracked("cuda"), tracked("cpu"), strict=True):
        assert (mine != other).mean() < 0.01
