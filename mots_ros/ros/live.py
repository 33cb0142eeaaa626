"""Play a drive to the tracker that is running, at the camera's pace, and score what it makes of it.

Whatever the machine is too slow for is dropped, as on a robot: these images count as missed in the
scores, and how many there were stands beside them, with the time that the others took.

    ros2 launch mots_ros tracker.launch.py
    ros2 run mots_ros live DRIVE --gt TRUTH --ros-args -r image:=/camera/image_raw
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.utilities import remove_ros_args

from mots_ros.data import kitti_mots
from mots_ros.data.bag_files import BagWriter
from mots_ros.data.bags import BagDrive
from mots_ros.data.track_text import file_of
from mots_ros.evaluation.collect import frames_by_stamp
from mots_ros.evaluation.folder import report_recording
from mots_ros.evaluation.table import score_table
from mots_ros.ros.discovery import NoTrackerError, is_active, wait_for_tracker
from mots_ros.ros.interface import TRACKER
from mots_ros.ros.play import Player, positive_number
from mots_ros.ros.replay import Replay
from mots_ros.ros.session import ros_session, until_interrupted

_START_S = 15.0
_FINISH_S = 25.0
"""Longer than Fast DDS takes to notice that a process was killed."""


class LiveError(Exception):
    """Nothing can be scored; the message says why, and where what was recorded is."""


@dataclass(frozen=True)
class LiveRun:
    """What was measured while a drive was played.

    rate: asked for, relative to the recording.
    seconds: from the first image to the last.
    images_sent: images of the drive.
    latency_ms: from publishing an image to the arrival of its detections, of every answered one.
    """

    rate: float
    seconds: float
    images_sent: int
    latency_ms: tuple[float, ...]

    @property
    def answered(self) -> int:
        """Images with detections and masks."""
        return len(self.latency_ms)

    @property
    def dropped(self) -> int:
        """Images without."""
        return self.images_sent - self.answered

    def values(self) -> dict[str, Any]:
        """For the summary of the scores."""
        return {
            "rate": self.rate,
            "seconds": round(self.seconds, 3),
            "images_sent": self.images_sent,
            "answered": self.answered,
            "dropped": self.dropped,
            "latency_ms": [round(latency, 1) for latency in self.latency_ms],
        }

    def text(self) -> str:
        """For the terminal."""
        median, p99 = np.percentile(self.latency_ms, (50, 99))
        return (
            f"{self.images_sent} images sent in {self.seconds:.1f} s, {self.answered} answered, "
            f"{self.dropped} dropped ({self.dropped / self.images_sent:.1%})\n"
            f"latency {median:.0f} ms in the median, {p99:.0f} ms at the 99th percentile, "
            f"{max(self.latency_ms):.0f} ms at most"
        )


def main() -> int:
    """Entry point of ``ros2 run mots_ros live``."""
    options = _parser().parse_args(remove_ros_args(sys.argv)[1:])
    try:
        run(options)
    except (LiveError, NoTrackerError, ValueError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Play, record, score and tell.

    Raises:
        LiveError: it was stopped, or the tracker ended; what was recorded is kept.
        NoTrackerError: no tracker would answer; nothing was played or written.
        ValueError: drive, ground truth or folder cannot be used; nothing was played or written.
    """
    drive = BagDrive(options.bag, options.topic)
    out = options.out or Path(f"{drive.name}_live")
    if out.exists():
        raise LiveError(f"{out} exists; it is not overwritten")
    frames_by_stamp(enumerate(drive.stamps_ns))  # Answers have nothing else to tell them apart.
    truth = None
    if options.gt is not None:
        file, size = file_of(options.gt, drive.name), next(iter(drive)).size
        truth = kitti_mots.read(file, size=size, length=len(drive))
    recording = out / "tracked"
    measured = None
    with ros_session() as executor, until_interrupted():
        player = Player(drive.path, drive.topic, listener=TRACKER)
        wait_for_tracker(executor, player, _START_S)
        try:
            measured = _play_and_record(executor, player, options.rate, recording)
        except LiveError as error:
            rest = "" if options.gt is None else f" --gt {options.gt}"
            raise LiveError(
                f"{error} after {len(player.sent)} of {player.length} images; to score the answers "
                f"until then: evaluate {drive.path} --topic {drive.topic} --results {recording}"
                f"{rest}"
            ) from None
    if measured is None:
        raise LiveError("stopped before anything was played")
    if not measured.answered:
        raise LiveError(
            f"the tracker answered none of {measured.images_sent} images; its log and "
            "/diagnostics say why"
        )
    report = report_recording(out / "report", drive, recording, truth, measured.values())
    print(f"{report.text()}\n\n{measured.text()}")
    live = report.document["sequences"][drive.name]["live"]
    if measured.dropped and truth is not None and live is not None:
        print(f"\nthe answered frames alone:\n\n{score_table(live['scores_of_answered'])}")


def _play_and_record(executor: Executor, player: Player, rate: float, recording: Path) -> LiveRun:
    def check() -> None:
        if not is_active(player):
            raise LiveError("the tracker ended")

    with BagWriter(recording) as bag, until_interrupted():
        replay = Replay(executor, player, bag, check)
        if not replay.wait_until_recording(_START_S):
            raise LiveError(f"the tracker's topics were not complete within {_START_S:.0f} s")
        replay.play(player.play(rate))
        replay.wait_for_last_answer(_FINISH_S)
        sent = [*player.sent.values()]
        latency_ms = tuple(1000 * seconds for seconds in replay.latencies_s().values())
        return LiveRun(rate, sent[-1] - sent[0], len(sent), latency_ms)
    raise LiveError("stopped")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bag", type=Path, help="the drive: a rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--topic", help="the images, where the bag has several topics of them")
    parser.add_argument(
        "--gt",
        type=Path,
        help="ground truth as KITTI MOTS text, frame i being the i-th image of the bag; in a "
        "folder, the file with the bag's name and .txt; without it nothing is scored",
    )
    parser.add_argument(
        "--rate",
        type=positive_number,
        default=1.0,
        help="speed relative to the recording (default 1)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="new folder for the recording, 'tracked', and the scores, 'report'; default: "
        "<bag's name>_live",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
