"""The node as a program: camera images in, tracked detections and masks out."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the node until it is told to stop."""
    # Loading torch takes seconds, in which a Ctrl-C shall simply end the program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rclpy.logging import get_logger

    from mots_ros.config import ConfigError
    from mots_ros.ros.interface import TRACKER
    from mots_ros.ros.node import TrackerNode, origin
    from mots_ros.ros.session import ros_session, until_interrupted

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ros_session() as executor, until_interrupted():
        try:
            node = TrackerNode()
        except ConfigError as error:
            get_logger(TRACKER).fatal(f"{error}{origin(error)}")
            return 1
        try:
            if not node.start():
                return 1
            executor.add_node(node)
            with until_interrupted():
                executor.spin()
        finally:
            node.destroy_node()
    return 0


if __name__ == "__main__":
    sys.exit(main())
