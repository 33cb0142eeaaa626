"""Names and qualities of service that the executables agree on."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

TRACKER = "mots_tracker"
"""The tracker's node name; its own topics lie below it."""

DETECTIONS, MASKS, LABEL_INFO = f"{TRACKER}/detections", f"{TRACKER}/masks", f"{TRACKER}/label_info"
"""What it says of a drive, without pictures."""

QUEUE = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10)
"""Reliable, a few messages waiting."""

LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""For what changes rarely: whoever joins later gets the last message."""


def publisher(node: Node, message_type: type, topic: str, quality: QoSProfile) -> Publisher:
    """A publisher whose history, depth and reliability parameters may override."""
    overriding = QoSOverridingOptions.with_default_policies()
    return node.create_publisher(message_type, topic, quality, qos_overriding_options=overriding)


def camera_info_of(image_topic: str) -> str:
    """Where image_transport's cameras publish the calibration of their images."""
    return f"{image_topic.removesuffix('/compressed').rpartition('/')[0]}/camera_info"


def newest(reliability: ReliabilityPolicy) -> QoSProfile:
    """For images: only the newest counts, as in the sensor-data profile."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=reliability)
