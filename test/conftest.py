"""For all tests. Those named test_ros_* talk through ROS 2 and are left out where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

# The same examples each time, and no verdict on the speed of a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Nothing here may meet the nodes of another machine; rclpy reads this when it is initialised.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# Networks are tiny here: threads of their own only wait for each other where the machine is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _what_is_missing() -> str | None:
    try:
        import rclpy  # noqa: F401
        import vision_msgs.msg  # noqa: F401
    except ImportError as error:
        return str(error)
    return None


_MISSING = _what_is_missing()

collect_ignore_glob = ["test_ros_*.py"] if _MISSING else []


def pytest_report_header() -> str | None:
    """Say why the tests through ROS are left out."""
    return f"tests through ROS 2 are left out: {_MISSING}" if _MISSING else None


@pytest.fixture
def ros() -> Iterator[Callable[..., Any]]:
    """Starts ROS, in a domain of this process, with ``--ros-args`` for the nodes to come."""
    import rclpy

    from ros_bench import DOMAIN

    def start(*arguments: str) -> None:
        rclpy.init(args=["--ros-args", *arguments] if arguments else [], domain_id=DOMAIN)

    yield start
    rclpy.try_shutdown()
