"""Whether a tracker is there that will answer what a player plays."""

from __future__ import annotations

from rclpy.executors import Executor
from rclpy.topic_endpoint_info import TopicEndpointInfo

from mots_ros.ros.interface import DETECTIONS
from mots_ros.ros.play import Player
from mots_ros.ros.session import spin_until


class NoTrackerError(RuntimeError):
    """No tracker answers; the message says why, and what to do."""


def wait_for_tracker(executor: Executor, player: Player, patience_s: float) -> None:
    """Wait until a tracker listens to the player's images, and to nobody else's.

    Raises:
        NoTrackerError: there is none within ``patience_s`` seconds.
    """
    if not spin_until(executor, lambda: _problem(player) is None, patience_s):
        raise NoTrackerError(f"{_problem(player)} (after {patience_s:.0f} s)")


def is_active(player: Player) -> bool:
    """Whether a tracker publishes detections."""
    return player.count_publishers(player.resolve_topic_name(DETECTIONS)) > 0


def _problem(player: Player) -> str | None:
    """What keeps the tracker from answering the player's images; None where nothing does."""
    detections = player.resolve_topic_name(DETECTIONS)
    trackers = player.get_publishers_info_by_topic(detections)
    if not trackers:
        return (
            f"no tracker publishes on {detections}; start one with 'ros2 launch mots_ros "
            f"tracker.launch.py image:={player.image_topic}', activate the one that is there, or "
            "name its namespace with '--ros-args -r __ns:=/NAMESPACE'"
        )
    if len(trackers) > 1:
        return f"expected one tracker on {detections}, found {len(trackers)}"
    tracker = trackers[0]
    listeners = player.get_subscriptions_info_by_topic(player.image_topic)
    if (_name(tracker), player.image_type) not in [(_name(s), s.topic_type) for s in listeners]:
        return (
            f"{_name(tracker)} does not listen to {player.image_topic} ({player.image_type}), "
            f"where the images of this drive go, but to {_cameras(player, tracker)}; remap them "
            "with '--ros-args -r image:=TOPIC'"
        )
    sources = [_name(source) for source in player.get_publishers_info_by_topic(player.image_topic)]
    if len(sources) > 1:
        return (
            f"expected no images on {player.image_topic} but those of this drive, found publishers "
            f"{', '.join(sorted(sources))}"
        )
    return None


def _cameras(player: Player, tracker: TopicEndpointInfo) -> str:
    """The topics of images that a tracker listens to, with their types."""
    topics = [
        f"{topic} ({types[0]})"
        for topic, types in player.get_topic_names_and_types()
        if types[0].endswith("Image")
        and _name(tracker) in map(_name, player.get_subscriptions_info_by_topic(topic))
    ]
    return " and ".join(topics) or "none"


def _name(endpoint: TopicEndpointInfo) -> str:
    """The full name of the node that an endpoint belongs to."""
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
