"""Ctrl-C is how programs in ROS end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.executors import ExternalShutdownException


@contextmanager
def until_interrupted() -> Iterator[None]:
    """The ``with`` statement's body ends quietly when the program is told to stop.

    What comes after it runs undisturbed: under ``ros2 launch`` a Ctrl-C arrives twice, from the
    terminal and from launch.
    """
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
