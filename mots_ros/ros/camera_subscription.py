"""A subscription to a camera, whatever reliability the camera offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from mots_ros.ros.interface import newest


class CameraSubscription:
    """Takes the newest message of a topic: reliably, or with best effort from a camera that
    offers no more.

    An image is larger than what Fast DDS, as it comes, moves at once between two processes: with
    best effort nearly every image of a megabyte is lost, reliably none is. But a reliable
    subscription hears nothing of a best-effort publisher, so it gives way when one shows up.
    """

    def __init__(
        self, node: Node, message_type: type, topic: str, callback: Callable[[Any], None]
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._topic = topic
        self._callback = callback
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible)
        self._subscription = node.create_subscription(
            message_type,
            topic,
            callback,
            newest(ReliabilityPolicy.RELIABLE),
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    @property
    def topic(self) -> str:
        """The topic's full name, after remapping."""
        return self._subscription.topic_name

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _on_incompatible(self, event: QoSRequestedIncompatibleQoSInfo) -> None:
        if int(event.last_policy_kind) != QoSPolicyKind.RELIABILITY:
            return
        self._node.get_logger().info(
            f"{self.topic} is published with best effort; images may get lost on the way"
        )
        quality = self._subscription.qos_profile
        quality.reliability = ReliabilityPolicy.BEST_EFFORT
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._node.create_subscription(
            self._message_type, self._topic, self._callback, quality
        )
