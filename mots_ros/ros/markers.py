"""Tracks as markers in the camera's own frame, for RViz's Camera display.

A camera knows directions and no distances: every marker lies on one plane before it, where the
camera's calibration puts it over its object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from mots_ros.core.types import TrackedFrame
from mots_ros.evaluation.palette import colour_of
from mots_ros.evaluation.trails import Trails
from mots_ros.ros.convert import to_header

PLANE_M = 10.0
"""How far before the camera the markers are."""
TEXT_PIXELS, LINE_PIXELS = 16, 3
_LIFETIME = Duration(seconds=1)


def to_markers(
    tracked: TrackedFrame, class_names: Sequence[str], trails: Trails, info: CameraInfo
) -> MarkerArray:
    """A name over every object and a line behind it; they replace those of the frame before.

    ``info`` must be calibrated: ``is_calibrated``.
    """
    header = to_header(tracked)
    metres_per_pixel = PLANE_M / info.p[0]
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    lines = trails.lines()
    rows = zip(
        tracked.ids.tolist(),
        tracked.detections.labels.tolist(),
        tracked.detections.boxes.tolist(),
        strict=True,
    )
    for track_id, label, (x1, y1, x2, _) in rows:
        text = _marker(header, "names", Marker.TEXT_VIEW_FACING, track_id)
        text.text = f"{class_names[label]} {track_id}"
        (text.pose.position,) = _on_plane(np.array([[(x1 + x2) / 2, y1]]), info)
        text.scale.z = TEXT_PIXELS * metres_per_pixel
        markers.append(text)
        if track_id in lines:
            line = _marker(header, "trails", Marker.LINE_STRIP, track_id)
            line.points = _on_plane(lines[track_id], info)
            line.scale.x = LINE_PIXELS * metres_per_pixel
            markers.append(line)
    return MarkerArray(markers=markers)


def is_calibrated(info: CameraInfo) -> bool:
    """Whether the projection is known; uncalibrated cameras publish zeros."""
    return bool(info.p[0] > 0 and info.p[5] > 0)


def _marker(header: Header, namespace: str, kind: int, track_id: int) -> Marker:
    marker = Marker(header=header, ns=namespace, id=track_id % 2**31, type=kind)
    red, green, blue = (channel / 255 for channel in colour_of(track_id))
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
    marker.pose.orientation.w = 1.0
    marker.lifetime = _LIFETIME.to_msg()
    return marker


def _on_plane(pixels: NDArray[np.float64], info: CameraInfo) -> list[Point]:
    """Where the rays through pixels [N, 2] meet the plane, in the optical frame: x to the right, y
    down, z ahead.

    They go by the projection of rectified images, as RViz does: it lays every image under it.
    """
    projection = np.reshape(info.p, (3, 4))
    focal = projection.diagonal()[:2]
    principal, baseline = projection[:2, 2], projection[:2, 3]
    metres = ((pixels - principal) * PLANE_M - baseline) / focal
    return [Point(x=x, y=y, z=PLANE_M) for x, y in metres.tolist()]
