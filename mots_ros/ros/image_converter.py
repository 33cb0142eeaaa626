"""Which library reads image messages: cv_bridge where it works, else rosbags-image."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from rclpy.impl.rcutils_logger import RcutilsLogger
from rosbags.image import message_to_cvimage

from mots_ros.data.image_messages import Convert

_TRIAL = """
import numpy
from cv_bridge import CvBridge
bridge = CvBridge()
message = bridge.cv2_to_imgmsg(numpy.zeros((2, 2, 3), numpy.uint8), "bgr8")
bridge.imgmsg_to_cv2(message, "rgb8")
"""
_TRIAL_SECONDS = 30.0


def image_converter(logger: RcutilsLogger) -> Convert:
    """cv_bridge's conversion where the installation has one that works, else rosbags-image's."""
    if importlib.util.find_spec("cv_bridge") is None:
        logger.info("Images are read by rosbags-image; there is no cv_bridge here.")
        return message_to_cvimage
    if not _cv_bridge_works():
        logger.warning(
            "Images are read by rosbags-image: cv_bridge is installed but does not run beside "
            "this NumPy."
        )
        return message_to_cvimage
    from cv_bridge import CvBridge

    return CvBridge().imgmsg_to_cv2  # type: ignore[no-any-return]


def _cv_bridge_works() -> bool:
    """Try a conversion in a process of its own.

    A cv_bridge that was compiled for another NumPy fails as late as at its first conversion, and
    may take the process with it.
    """
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL], capture_output=True, timeout=_TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0
