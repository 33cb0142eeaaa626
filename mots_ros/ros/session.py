"""How a program takes part in ROS, and how it ends."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor

SPIN_S = 0.05


@contextmanager
def ros_session() -> Iterator[SingleThreadedExecutor]:
    """The ``with`` statement's body runs in ROS and gets the executor to spin its nodes with.

    An argument or a parameter file that rclpy cannot read ends the program.
    """
    try:
        rclpy.init()
    except RuntimeError as error:  # It names the argument or the file.
        sys.exit(str(error))
    executor = SingleThreadedExecutor()
    try:
        yield executor
    finally:
        # In this order: at every signal, a thread of rclpy wakes all executors without asking
        # whether they still exist. It ends with the shutdown.
        rclpy.try_shutdown()
        executor.shutdown()


@contextmanager
def until_interrupted() -> Iterator[None]:
    """The ``with`` statement's body ends quietly when the program is told to stop.

    What comes after it runs undisturbed: under ``ros2 launch`` a Ctrl-C arrives twice, from the
    terminal and from launch.
    """
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException, RuntimeError) as error:
        # At a signal, rclpy shuts down beneath whatever is being done with it.
        if isinstance(error, RuntimeError) and rclpy.ok():
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def spin_until(executor: Executor, done: Callable[[], bool], patience_s: float) -> bool:
    """Spin until something is done, at most ``patience_s`` seconds; returns whether it is."""
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            return False
        executor.spin_once(timeout_sec=SPIN_S)
    return True
