"""The node as its neighbours see it: images in through rclpy, messages out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray, LabelInfo
from visualization_msgs.msg import Marker, MarkerArray

from box_worlds import tracked_frame
from mots_ros.config import Config, parameters
from mots_ros.core.types import Frame
from mots_ros.data.bags import header_stamp_ns
from mots_ros.data.image_messages import label_image
from mots_ros.parameter import ConfigError
from mots_ros.ros.convert import DetectionsMessage, to_rgb_message
from mots_ros.ros.interface import LATCHED, QUEUE
from mots_ros.ros.node import SUCCESS, TrackerNode
from ros_bench import SIZE, Bench, LookingAhead, StubPipeline, image_message

Ros = Callable[..., Any]


class Neighbour(Node):
    """Publishes images and keeps everything that the tracker publishes."""

    def __init__(self, kind: type, qos: QoSProfile) -> None:
        super().__init__("neighbour")
        self.images = self.create_publisher(kind, "image", qos)
        self.detections: list[Detection2DArray] = []
        self.masks: list[Image] = []
        self.labels: list[LabelInfo] = []
        self.statuses: list[DiagnosticStatus] = []
        self.hears_detections = self.create_subscription(
            Detection2DArray, "mots_tracker/detections", self.detections.append, QUEUE
        )
        self.hears_masks = self.create_subscription(
            Image, "mots_tracker/masks", self.masks.append, QUEUE
        )
        self.create_subscription(
            DiagnosticArray, "/diagnostics", lambda message: self.statuses.extend(message.status), 1
        )
        # Its message comes last of all, so its arrival says that all of the above is connected.
        self.create_subscription(LabelInfo, "mots_tracker/label_info", self.labels.append, LATCHED)

    def values(self) -> dict[str, str]:
        """The newest diagnostics by key."""
        return {pair.key: pair.value for status in self.statuses[-1:] for pair in status.values}


class World(Bench):
    """A tracker with a stub pipeline and its neighbour, connected."""

    def __init__(self, kind: type = Image, qos: QoSProfile = QUEUE) -> None:
        self.tracker = TrackerNode(self._build)  # type: ignore[arg-type]
        assert self.tracker.start()
        self.neighbour = Neighbour(kind, qos)
        super().__init__(self.tracker, self.neighbour)
        self.until(lambda: self.neighbour.labels and self.neighbour.images.get_subscription_count())

    def _build(self, config: Config) -> StubPipeline:
        self.pipeline = StubPipeline(config)
        return self.pipeline

    def value(self, name: str) -> Any:
        """A parameter's value; lists come as arrays."""
        value = self.tracker.get_parameter(name).value
        return list(value) if hasattr(value, "typecode") else value

    def track(self, message: Image | CompressedImage) -> None:
        """Publish an image and wait for what comes of it."""
        count = len(self.neighbour.masks)
        self.neighbour.images.publish(message)
        self.until(lambda: len(self.neighbour.masks) == len(self.neighbour.detections) == count + 1)

    def health(self, key: str) -> str | None:
        """A value of the newest diagnostics."""
        return self.neighbour.values().get(key)

    def set(self, name: str, value: Any) -> tuple[bool, str]:
        result = self.tracker.set_parameters([Parameter(name, value=value)])[0]
        return result.successful, result.reason


def test_an_image_comes_back_as_detections_and_masks_with_its_header(ros: Ros) -> None:
    ros()
    with World() as world:
        world.track(image_message(1_600_000_000_123_456_789))
        detections, masks = world.neighbour.detections[0], world.neighbour.masks[0]
    assert header_stamp_ns(detections) == header_stamp_ns(masks) == 1_600_000_000_123_456_789
    assert detections.header.frame_id == masks.header.frame_id == "camera"
    (detection,) = detections.detections
    assert detection.id == "7"
    assert detection.header == detections.header
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("pedestrian", 0.75)
    box = detection.bbox
    assert (box.center.position.x, box.center.position.y) == (SIZE[1] / 4, SIZE[0] / 2)
    assert (box.size_x, box.size_y) == (SIZE[1] / 2, SIZE[0])
    assert masks.encoding == "mono16"
    assert masks.is_bigendian == (sys.byteorder == "big")
    labels = label_image(masks, "masks")
    assert labels.shape == SIZE
    assert (labels[:, : SIZE[1] // 2] == 7).all()
    assert not labels[:, SIZE[1] // 2 :].any()


def test_nothing_is_made_for_topics_to_which_nobody_listens(ros: Ros) -> None:
    ros()
    with World() as world, patch.object(DetectionsMessage, "of", autospec=True) as made:
        made.side_effect = lambda *_: Detection2DArray()
        processed = world.tracker._health._counts
        world.track(image_message(1))
        world.until(lambda: processed["processed"] == 1)
        assert (world.pipeline.painted, made.call_count) == (1, 1)
        for silent, publisher, expected in (
            (world.neighbour.hears_masks, world.tracker._worker._output._masks, (1, 2)),
            (world.neighbour.hears_detections, world.tracker._worker._output._detections, (1, 2)),
        ):
            world.neighbour.destroy_subscription(silent)
            world.until(lambda: not publisher.get_subscription_count())  # noqa: B023
            count = processed["processed"]
            world.neighbour.images.publish(image_message(count + 1))
            world.until(lambda: processed["processed"] == count + 1)  # noqa: B023
            assert (world.pipeline.painted, made.call_count) == expected


def test_a_message_has_what_its_frame_has_and_nothing_of_the_one_before() -> None:
    message = DetectionsMessage(("car", "pedestrian"))
    crowd = {number: (number, 2, number + 4, 8) for number in range(1, 4)}
    parts = list(message.of(tracked_frame(SIZE, crowd, stamp_ns=5, label=1)).detections)
    assert [part.id for part in parts] == ["1", "2", "3"]
    found = message.of(tracked_frame(SIZE, {9: (3, 4, 9, 6)}, stamp_ns=2 * 10**9, label=0))
    (part,) = found.detections
    assert part is parts[0] and part.id == "9"
    assert (part.header.stamp.sec, part.header.stamp.nanosec) == (2, 0)
    assert part.header == found.header
    assert part.results[0].hypothesis.class_id == "car"
    assert (part.bbox.center.position.x, part.bbox.center.position.y) == (6, 5)
    assert (part.bbox.size_x, part.bbox.size_y) == (6, 2)
    assert not message.of(tracked_frame(SIZE, {})).detections


@pytest.mark.parametrize("frame_id", ["", "cam", "left_camera"])
def test_pictures_are_serialised_as_ros_does(frame_id: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, 10, 3), np.uint8)[:, ::2]
    frame = Frame(7_000_000_008, frame_id, rgb)
    picture = deserialize_message(to_rgb_message(frame, rgb), Image)
    assert (picture.header.stamp.sec, picture.header.stamp.nanosec) == (7, 8)
    assert picture.header.frame_id == frame_id
    assert (picture.encoding, picture.step) == ("rgb8", 15)
    np.testing.assert_array_equal(np.reshape(picture.data, (3, 5, 3)), rgb)
    assert len(serialize_message(picture)) == len(to_rgb_message(frame, rgb))


def test_label_info_names_the_classes(ros: Ros) -> None:
    ros("-p", "detector.score_threshold:=0.25")
    with World() as world:
        (info,) = world.neighbour.labels
    assert [(entry.class_id, entry.class_name) for entry in info.class_map] == [
        (0, "car"),
        (1, "pedestrian"),
    ]
    assert info.threshold == 0.25


def test_a_best_effort_camera_is_heard(ros: Ros) -> None:
    ros()
    with World(qos=qos_profile_sensor_data) as world:
        world.track(image_message(5))
        assert len(world.pipeline.frames) == 1


def test_giving_way_to_best_effort_keeps_what_else_was_asked_for(ros: Ros) -> None:
    ros("-p", "qos_overrides./image.subscription.depth:=7")
    with World(qos=qos_profile_sensor_data) as world:
        world.track(image_message(5))
        (camera,) = world.tracker.get_subscriptions_info_by_topic("/image")
        assert camera.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        assert world.tracker._worker._camera._subscription.qos_profile.depth == 7


def test_compressed_images(ros: Ros) -> None:
    ros("-p", "node.image_transport:=compressed")
    picture = np.full((*SIZE, 3), (200, 100, 50), np.uint8)  # bgr
    message = CompressedImage(format="png", data=cv2.imencode(".png", picture)[1].tobytes())
    with World(CompressedImage) as world:
        world.track(message)
        np.testing.assert_array_equal(world.pipeline.frames[0].image, picture[..., ::-1])


@pytest.mark.parametrize("image", ["/camera/image_raw", "/camera/image_raw/compressed"])
def test_the_calibration_is_beside_the_raw_images(ros: Ros, image: str) -> None:
    ros("-r", f"image:={image}")
    with World() as world:
        assert world.tracker.count_subscribers("/camera/camera_info") == 1


def test_the_overlay_is_drawn_only_for_listeners(ros: Ros) -> None:
    ros()
    with World() as world:
        world.track(image_message(1))
        pictures: list[Image] = []
        world.neighbour.create_subscription(Image, "mots_tracker/overlay", pictures.append, QUEUE)
        overlay = world.tracker.count_subscribers
        world.until(lambda: overlay("mots_tracker/overlay"))
        world.track(image_message(2))
        world.until(lambda: pictures)
    (picture,) = pictures
    assert (header_stamp_ns(picture), picture.encoding) == (2, "rgb8")
    assert (picture.height, picture.width) == SIZE


@pytest.mark.parametrize("quality", [QUEUE, qos_profile_sensor_data])
def test_markers_lie_over_their_objects_where_the_camera_is_calibrated(
    ros: Ros, quality: QoSProfile
) -> None:
    ros()
    with World() as world:
        heard: list[MarkerArray] = []
        world.neighbour.create_subscription(MarkerArray, "mots_tracker/markers", heard.append, 1)
        infos = world.neighbour.create_publisher(CameraInfo, "camera_info", quality)
        world.until(lambda: world.tracker.count_subscribers("mots_tracker/markers"))
        world.until(infos.get_subscription_count)
        infos.publish(CameraInfo())  # As uncalibrated cameras do.
        world.track(image_message(1))
        assert not heard
        p = [20.0, 0, SIZE[1] / 2, 10, 0, 20, SIZE[0] / 2, 0, 0, 0, 1, 0]
        infos.publish(CameraInfo(p=p))
        world.until(lambda: world.tracker._worker._output._calibration)
        world.track(image_message(2))
        world.until(lambda: heard)
    everything, name, trail = heard[0].markers
    assert everything.action == Marker.DELETEALL
    assert (name.text, name.header.frame_id) == ("pedestrian 7", "camera")
    # The upper edge's middle is half of the image above, a quarter of it left of the centre; the
    # camera is half a metre off its frame, as the right one of a stereo pair.
    at = name.pose.position
    assert (at.x, at.y, at.z) == (-SIZE[1] / 4 / 2 - 0.5, -SIZE[0] / 2 / 2, 10.0)
    assert trail.type == Marker.LINE_STRIP and len(trail.points) == 2
    assert trail.points[0].y == SIZE[0] / 2 / 2


def too_short(message: Image) -> None:
    message.data = message.data[:-1]


def of_no_known_encoding(message: Image) -> None:
    message.encoding = "mauve8"


@pytest.mark.parametrize(
    ("spoil", "reason", "text"),
    [
        (too_short, "bad: wrong data size", "2879 bytes of data"),
        (of_no_known_encoding, "bad: unknown encoding", "mauve8"),
    ],
)
def test_a_bad_message_is_counted_and_survived(
    ros: Ros, spoil: Callable[[Image], None], reason: str, text: str
) -> None:
    ros()
    message = image_message(1)
    spoil(message)
    with World() as world:
        world.neighbour.images.publish(message)
        world.until(lambda: world.health(reason) == "1")
        assert world.neighbour.values()["bad"] == "1"
        assert "/image" in world.neighbour.values()["last_error"]
        assert text in world.neighbour.values()["last_error"]
        assert world.neighbour.statuses[-1].level == DiagnosticStatus.WARN
        world.track(image_message(2))


def test_a_failing_frame_is_counted_and_survived(ros: Ros) -> None:
    ros()
    with World() as world:
        world.neighbour.images.publish(image_message(1, value=13))
        world.until(lambda: world.health("failed") == "1")
        assert world.neighbour.values()["last_error"] == "RuntimeError: unlucky frame"
        world.track(image_message(2))


def test_failing_frames_do_not_pile_up(ros: Ros, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever fails in a new place is said with its traceback."""
    ros()
    with World() as world:
        counts = world.tracker._health._counts
        for stamp in range(1, 6):
            world.neighbour.images.publish(image_message(stamp, value=13))
            world.until(lambda seen=stamp: counts["failed"] == seen)
        assert not world.tracker._worker._waiting
        assert capfd.readouterr().err.count("Traceback") == 1
        world.pipeline.step = lambda frame: {}[frame.stamp_ns]  # type: ignore[method-assign]
        world.neighbour.images.publish(image_message(6))
        world.until(lambda: counts["failed"] == 6)
        assert "KeyError: 6" in capfd.readouterr().err.partition("Traceback")[2]


def test_what_waits_goes_with_the_frame_that_fails(ros: Ros, monkeypatch: Any) -> None:
    ros()
    monkeypatch.setattr(sys.modules[__name__], "StubPipeline", LookingAhead)
    with World() as world:
        counts = world.tracker._health._counts
        for stamp, value in ((1, 100), (2, 13), (3, 100), (4, 100)):
            world.neighbour.images.publish(image_message(stamp, value))
            world.until(lambda seen=stamp: counts["received"] == seen)
            world.until(lambda: world.tracker._worker._mailbox._item is None)
        world.until(lambda: len(world.neighbour.masks) == 2)
        assert (counts["failed"], counts["processed"]) == (2, 2)
    assert [header_stamp_ns(message) for message in world.neighbour.masks] == [3, 4]


def test_a_slow_pipeline_drops_old_frames_and_takes_the_newest(ros: Ros) -> None:
    ros()
    with World() as world:
        with world.pipeline.gate:
            for stamp in (1, 2, 3):
                world.neighbour.images.publish(image_message(stamp))
                world.until(lambda count=str(stamp): world.health("received") == count)
        world.until(lambda: len(world.neighbour.masks) == 2)
        assert [frame.stamp_ns for frame in world.pipeline.frames] == [1, 3]
        assert world.health("dropped") == "1"


def test_diagnostics_tell_rate_latency_tracks_and_device(ros: Ros) -> None:
    ros()
    with World() as world:
        world.track(image_message(1))
        world.until(lambda: world.health("processed") == "1")
        values = world.neighbour.values()
        status = world.neighbour.statuses[-1]
    assert status.name == "/mots_tracker"
    assert status.level == DiagnosticStatus.OK
    assert float(values["rate_hz"]) > 0
    assert 0 < float(values["latency_p50_ms"]) <= float(values["latency_p99_ms"]) < 10_000
    assert (values["received"], values["dropped"], values["bad"]) == ("1", "0", "0")
    assert (values["tracks"], values["device"]) == ("1", "cpu")


def test_every_parameter_is_declared_with_description_and_range(ros: Ros) -> None:
    ros()
    with World() as world:
        for name, entry in parameters().items():
            descriptor = world.tracker.describe_parameter(name)
            several = isinstance(entry.default, tuple)
            assert world.value(name) == Config().values()[name]
            assert descriptor.description == entry.metadata["description"]
            assert descriptor.read_only == entry.metadata["restart"]
            limits = [*descriptor.floating_point_range, *descriptor.integer_range]
            assert [limit.from_value for limit in limits] == (
                [] if several or entry.metadata["low"] is None else [entry.metadata["low"]]
            )


def test_a_parameter_set_while_running_reaches_the_next_frame(ros: Ros) -> None:
    ros()
    with World() as world:
        assert world.set("detector.score_threshold", 0.6) == (True, "")
        assert world.set("tracker.birth_threshold", 1) == (True, "")  # Meant as 1.0.
        assert world.set("tracker.trackrcnn.mask_threshold", [1, 0]) == (True, "")
        world.track(image_message(1))
        assert world.pipeline.detector.config.score_threshold == 0.6
        assert world.pipeline.tracker.config.birth_threshold == 1.0
        assert world.pipeline.tracker.config.trackrcnn.mask_threshold == (1.0, 0.0)
        world.until(lambda: world.neighbour.labels[-1].threshold == np.float32(0.6))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("detector.score_threshold", 1.5, "range"),
        ("tracker.assignment", "luck", "must be one of greedy, hungarian"),
        ("tracker.max_misses", "many", "type"),
        ("detector.weights", "other.safetensors", "read-only"),
        ("tracker.trackrcnn.mask_threshold", [0.5, 2.0], "must be in [0.0, 1.0], not 2.0"),
    ],
)
def test_a_bad_value_is_refused_with_the_reason_and_changes_nothing(
    ros: Ros, name: str, value: Any, reason: str
) -> None:
    ros()
    with World() as world:
        accepted, why = world.set(name, value)
        assert not accepted
        assert reason in why
        assert world.value(name) == Config().values()[name]
        world.track(image_message(1))
        assert Config().detector == world.pipeline.detector.config
        assert Config().tracker == world.pipeline.tracker.config


def test_a_tracker_that_cannot_be_had_is_refused(ros: Ros) -> None:
    ros()
    with World() as world:
        assert world.set("tracker.head", "no_such.safetensors") == (True, "")
        accepted, why = world.set("tracker.name", "siammot")
        assert not accepted
        assert "models/no_such.safetensors: no such weights file" in why
        world.track(image_message(1))
        assert world.pipeline.tracker.config.name == "searchtrack"


def test_whatever_a_check_raises_is_a_refusal(
    ros: Ros, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What escaped from it would end the node."""
    ros()

    def out_of_memory(*_: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("mots_ros.ros.node.build_head", out_of_memory)
    with World() as world:
        assert world.set("tracker.name", "siammot") == (False, "out of memory")
        assert "Traceback" in capfd.readouterr().err
        world.track(image_message(1))


def test_stamps_that_stand_still_are_told(ros: Ros) -> None:
    ros()
    with World() as world:
        for _ in range(3):
            world.track(image_message(0))
        world.until(lambda: world.health("repeated_stamps") == "2")
        troubles = [
            status for status in world.neighbour.statuses if "stamp of the one" in status.message
        ]
        assert {status.level for status in troubles} == {DiagnosticStatus.WARN}


def test_what_waits_is_answered_when_it_is_deactivated(ros: Ros, monkeypatch: Any) -> None:
    """Also where the next image is in work just then."""
    ros()
    monkeypatch.setattr("test_ros_tracker_node.StubPipeline", LookingAhead)
    with World() as world:
        world.neighbour.images.publish(image_message(1))
        world.until(lambda: len(world.pipeline.frames) == 1)
        with world.pipeline.gate:
            world.neighbour.images.publish(image_message(2))
            world.until(lambda: world.tracker._health._counts["received"] == 2)
            mailbox = world.tracker._worker._mailbox
            world.until(lambda: mailbox._item is None)
            mailbox.close()
        assert world.tracker.trigger_deactivate() == SUCCESS
        world.until(lambda: len(world.neighbour.masks) == 2)
        assert world.tracker._health._counts["processed"] == 2


def test_a_failed_activation_leaves_nothing_behind(ros: Ros) -> None:
    ros("-p", "qos_overrides./image.subscription.reliability:=bogus")
    node = TrackerNode(StubPipeline)  # type: ignore[arg-type]
    with Bench(node):
        for _ in range(2):
            assert not node.start()
            assert node.count_publishers("mots_tracker/detections") == 0
            assert node.count_subscribers("image") == 0


def test_an_inactive_node_tells_whether_it_could_be_active(ros: Ros) -> None:
    ros()
    errors = [ValueError("no such weights file")]

    def build(config: Config) -> StubPipeline:
        if errors:
            raise errors.pop()
        return StubPipeline(config)

    node = TrackerNode(build)  # type: ignore[arg-type]
    with Bench(node):
        assert not node.start()
        status = node._health.report("tracker", active=False)
        assert status.level == DiagnosticStatus.ERROR
        assert status.message == "ValueError: no such weights file"
        assert node.start()
        node._health.processed(0.01, tracks=3)
        assert node.trigger_deactivate() == SUCCESS
        status = node._health.report("tracker", active=False)
        assert (status.level, status.message) == (DiagnosticStatus.OK, "not active")
        values = {pair.key: pair.value for pair in status.values}
        assert values["tracks"] == "0" and "latency_p50_ms" not in values


def test_reset_ends_all_tracks_with_the_next_frame(ros: Ros) -> None:
    ros()
    with World() as world:
        client = world.neighbour.create_client(Trigger, "mots_tracker/reset")
        world.until(client.service_is_ready)
        answer = client.call_async(Trigger.Request())
        world.until(answer.done)
        assert answer.result().success
        assert world.pipeline.calls == ["wake"]
        world.track(image_message(1))
        assert world.pipeline.calls == ["wake", "reset"]
        world.track(image_message(2))
        assert world.pipeline.calls == ["wake", "reset"]


def test_it_listens_only_while_it_is_active(ros: Ros) -> None:
    ros()
    with World() as world:
        world.track(image_message(1))
        assert world.tracker.trigger_deactivate() == SUCCESS
        assert world.pipeline.calls == ["wake", "sleep"]
        world.until(lambda: not world.neighbour.images.get_subscription_count())
        world.until(lambda: [s for s in world.neighbour.statuses[-1:] if s.message == "not active"])
        assert world.neighbour.statuses[-1].level == DiagnosticStatus.OK
        reset = world.tracker._reset(Trigger.Request(), Trigger.Response())
        assert (reset.success, reset.message) == (False, "not active")

        first = world.pipeline
        assert world.tracker.trigger_activate() == SUCCESS
        world.until(world.neighbour.images.get_subscription_count)
        world.track(image_message(2))
        assert world.pipeline is first

        assert world.tracker.trigger_deactivate() == SUCCESS
        assert world.tracker.trigger_cleanup() == SUCCESS
        assert world.tracker.trigger_configure() == SUCCESS
        assert world.pipeline is not first
        assert world.tracker.trigger_shutdown() == SUCCESS


def test_what_changes_while_it_is_inactive_holds_afterwards(ros: Ros) -> None:
    ros()
    with World() as world:
        assert world.tracker.trigger_deactivate() == SUCCESS
        assert world.set("detector.score_threshold", 0.9) == (True, "")
        assert world.tracker.trigger_activate() == SUCCESS
        assert world.pipeline.detector.config.score_threshold == 0.9


def test_what_goes_wrong_in_activating_is_said_and_can_be_mended(
    ros: Ros, capfd: pytest.CaptureFixture[str]
) -> None:
    ros()

    class Forgetful(StubPipeline):
        def wake(self) -> None:
            super().wake()
            if self.calls.count("wake") == 1:
                raise RuntimeError("out of memory")

    node = TrackerNode(Forgetful)  # type: ignore[arg-type]
    with Bench(node):
        assert not node.start()
        assert "RuntimeError: out of memory" in capfd.readouterr().err
        assert node._pipeline.calls == ["wake", "sleep"]
        assert node.trigger_activate() == SUCCESS


def test_without_autostart_a_manager_starts_it(ros: Ros) -> None:
    ros("-p", "node.autostart:=false")
    built: list[Config] = []

    def build(config: Config) -> StubPipeline:
        built.append(config)
        return StubPipeline(config)

    node = TrackerNode(build)  # type: ignore[arg-type]
    with Bench(node) as bench:
        assert node.start() and not built
        client = node.create_client(ChangeState, "mots_tracker/change_state")
        bench.until(client.service_is_ready)
        for number, transition in enumerate((Transition.TRANSITION_CONFIGURE, 3)):
            request = ChangeState.Request(transition=Transition(id=transition))
            answer = client.call_async(request)
            bench.until(answer.done)
            assert answer.result().success, number
        assert len(built) == 1


def test_what_goes_wrong_in_configuring_is_said_and_can_be_mended(
    ros: Ros, capfd: pytest.CaptureFixture[str]
) -> None:
    ros()
    errors: list[Exception] = [ValueError("no such weights file"), RuntimeError("out of memory")]

    def build(config: Config) -> StubPipeline:
        if errors:
            raise errors.pop(0)
        return StubPipeline(config)

    node = TrackerNode(build)  # type: ignore[arg-type]
    with Bench(node):
        assert not node.start()
        assert "no such weights file" in capfd.readouterr().err
        assert not node.start()
        assert "RuntimeError: out of memory" in capfd.readouterr().err
        assert node.start()


def test_several_cameras_have_namespaces_of_their_own(ros: Ros) -> None:
    ros("-r", "image:=picture", "-p", "node.autostart:=false")
    nodes = [TrackerNode(StubPipeline, namespace=name) for name in ("front", "/car/left")]  # type: ignore[arg-type]
    with Bench(*nodes):
        assert [node.get_fully_qualified_name() for node in nodes] == [
            "/front/mots_tracker",
            "/car/left/mots_tracker",
        ]
        for node in nodes:
            assert node.trigger_configure() == node.trigger_activate() == SUCCESS
        assert [node._worker._camera.topic for node in nodes] == [
            "/front/picture",
            "/car/left/picture",
        ]


def test_what_is_dumped_loads_again(ros: Ros, tmp_path: Path) -> None:
    ros("-p", "tracker.max_misses:=3", "-p", "detector.score_threshold:=0.45")
    with World() as world:
        before = world.tracker._live.current
        dumped = {n: p.value for n, p in world.tracker.get_parameters_by_prefix("").items()}
    rclpy.shutdown()
    file = tmp_path / "dump.yaml"
    file.write_text(yaml.safe_dump({"/mots_tracker": {"ros__parameters": dumped}}))
    ros("--params-file", str(file))
    with World() as world:
        assert world.tracker._live.current == before
        assert before.tracker.max_misses == 3


def test_quality_of_service_can_be_overridden(ros: Ros) -> None:
    ros(
        *("-p", "qos_overrides./image.subscription.reliability:=best_effort"),
        *("-p", "qos_overrides./diagnostics.publisher.reliability:=best_effort"),
    )
    with World() as world:
        (diagnostics,) = world.tracker.get_publishers_info_by_topic("/diagnostics")
        assert diagnostics.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        (camera,) = world.tracker.get_subscriptions_info_by_topic("/image")
        assert camera.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        depth = world.tracker.get_parameter("qos_overrides./mots_tracker/masks.publisher.depth")
        assert depth.value == QUEUE.depth


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("detector.score_treshold:=0.5", "unknown parameter 'detector.score_treshold'"),
        ("tracker.max_misses:=2.5", "'tracker.max_misses' must be int"),
        ("detector.score_threshold:=7.0", r"'detector.score_threshold' must be in \[0.0, 1.0\]"),
    ],
)
def test_the_node_does_not_start_with_a_wrong_parameter(ros: Ros, key: str, complaint: str) -> None:
    ros("-p", key)
    with pytest.raises(ConfigError, match=complaint):
        TrackerNode(StubPipeline)  # type: ignore[arg-type]
