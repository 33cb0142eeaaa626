"""The node as a program: camera images in, tracked detections and masks out.

With several cameras there is a node for each, in a namespace of its own; they share the network.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

_CAMERAS = "--namespaces"


def main() -> int:
    """Run until told to stop."""
    # Loading torch takes seconds, in which a Ctrl-C shall simply end the program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rclpy.logging import get_logger
    from rclpy.utilities import remove_ros_args

    from mots_ros.parameter import ConfigError
    from mots_ros.ros.interface import TRACKER
    from mots_ros.ros.node import TrackerNode, origin
    from mots_ros.ros.session import ros_session, until_interrupted

    signal.signal(signal.SIGINT, signal.default_int_handler)
    outer = _taken_namespace() if _CAMERAS in sys.argv else ""
    nodes: list[TrackerNode] = []
    with ros_session() as executor, until_interrupted():
        options = _parser().parse_args(remove_ros_args(sys.argv)[1:])
        try:
            for namespace in _below(outer, options.namespaces) or [None]:
                nodes.append(TrackerNode(namespace=namespace))
            for node in nodes:
                if not node.start():
                    return 1
                executor.add_node(node)
            with until_interrupted():
                executor.spin()
        except ConfigError as error:
            get_logger(TRACKER).fatal(f"{error}{origin(error)}")
            return 1
        finally:
            for node in nodes:
                node.destroy_node()
    if any(node.abandoned for node in nodes):
        # A large network on a processor is deep in a frame, and whoever stops a robot cannot wait.
        os._exit(0)
    return 0


def _taken_namespace() -> str:
    """The namespace in the program's ROS arguments, taken out of them: rcl would give it to every
    node in the place of its own."""
    for number, argument in enumerate(sys.argv):
        if argument.startswith("__ns:=") and sys.argv[number - 1] in ("-r", "--remap"):
            del sys.argv[number - 1 : number + 1]
            return argument.removeprefix("__ns:=").rstrip("/")
    return ""


def _below(outer: str, namespaces: Sequence[str]) -> list[str | None]:
    """The full names of namespaces; those that are relative lie in another."""
    return [name if name.startswith("/") else f"{outer}/{name}" for name in namespaces]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tracker_node",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        _CAMERAS, nargs="+", default=[], help="one for each camera, such as front left"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
