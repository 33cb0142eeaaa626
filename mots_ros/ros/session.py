"""How a program takes part in ROS, and how it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException


@contextmanager
def ros_session() -> Iterator[None]:
    """The ``with`` statement's body runs in ROS; an argument that rclpy cannot read ends all."""
    try:
        rclpy.init()
    except RuntimeError as error:  # It names the argument or the parameter file.
        sys.exit(str(error))
    try:
        yield
    finally:
        rclpy.try_shutdown()


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
