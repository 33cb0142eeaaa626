"""A recorded drive through the real node, from images to scores.

Makes a drive whose objects are known, starts the tracker node as a process of its own, plays the
drive to it, records what it publishes, and scores the recording.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from rclpy.executors import Executor, ExternalShutdownException

from mots_ros.data import kitti_mots
from mots_ros.data.bag_files import BagWriter
from mots_ros.data.bags import BagDrive
from mots_ros.evaluation.folder import Report, report_recording
from mots_ros.evaluation.page import page, read_evaluations
from mots_ros.resources import share
from mots_ros.ros.play import Player, PlayError
from mots_ros.ros.replay import Replay
from mots_ros.ros.session import ros_session

_MARK = ".mots_ros_demo"
_HELD_OUT_SEED = 15
_LENGTH = 160

_START_S = 60.0
_FINISH_S = 20.0
_STOP_S = 10.0
_LAST_LINES = 15


class DemoError(RuntimeError):
    """The demo cannot go on; the message says where it stopped and why."""


def main() -> int:
    """Entry point of ``ros2 run mots_ros demo``."""
    options = _parser().parse_args()
    try:
        report = run(options.out, options.seed, options.length, options.params)
    except (DemoError, PlayError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    print(f"\n{report.text()}\n\n{options.out / 'report.html'} shows it all")
    return 0


def run(out: Path, seed: int, length: int, params: Path) -> Report:
    """Fill the folder ``out`` with a drive, what the node made of it, and a report.

    Args:
        params: parameter file of the node.

    Raises:
        DemoError: the node ended, or left a frame without detections or masks.
    """
    _make_folder(out)
    drive, recording = out / f"street_{seed:04d}", out / "tracked"
    print(f"1. Make a drive of {length} images: {drive}", flush=True)
    _generate(drive, seed, length)

    print(
        f"2. Play it to the tracker node, and record what that publishes: {recording}", flush=True
    )
    _keep_to_itself()
    with ros_session() as executor, _Tracker(params, out / "tracker_node.log") as tracker:
        seconds = _play_and_record(executor, drive, recording, tracker)
    print(f"   {length / seconds:.1f} images a second, one after the other")

    print(f"3. Score the recording: {out / 'report'}", flush=True)
    truth = kitti_mots.read(out / "instances_txt" / f"{drive.name}.txt")
    report = report_recording(out / "report", BagDrive(drive), recording, truth)
    if report.unanswered:
        raise DemoError(f"{recording}: detections or masks are missing\n{report.text()}")
    (out / "report.html").write_text(page(read_evaluations([out / "report"])), encoding="utf-8")
    return report


class _Tracker:
    """The tracker node in a process of its own while the ``with`` statement runs."""

    def __init__(self, params: Path, log: Path) -> None:
        self._params = params
        self._log = log

    def __enter__(self) -> _Tracker:
        command = [sys.executable, "-m", "mots_ros.ros.tracker_node"]
        command += ["--ros-args", "--params-file", str(self._params)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def check(self) -> None:
        """Raise DemoError, with its last words, when the node has ended."""
        status = self._process.poll()
        if status is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            raise DemoError(
                f"the tracker node ended with status {status}; the end of {self._log}:\n"
                + "\n".join(lines)
            )


def _play_and_record(executor: Executor, drive: Path, recording: Path, tracker: _Tracker) -> float:
    """Returns how many seconds the images took."""
    player = Player(drive)
    with BagWriter(recording) as bag:
        replay = Replay(executor, player, bag, tracker.check)
        if not replay.wait_until_recording(_START_S):
            raise DemoError(f"the tracker node did not start within {_START_S:.0f} s")
        seconds = replay.play(player.play_in_lockstep())
        if not replay.wait_for_last_answer(_FINISH_S):
            raise DemoError(
                f"not all of {player.length} detections and masks were published within "
                f"{_FINISH_S:.0f} s"
            )
    return seconds


def _generate(drive: Path, seed: int, length: int) -> None:
    command = [sys.executable, "-m", "mots_ros.commands.generate", str(drive)]
    status = subprocess.run([*command, "--seed", str(seed), "--length", str(length)]).returncode
    if status != 0:
        raise DemoError(f"the drive could not be made, status {status}")


def _keep_to_itself() -> None:
    """Meet no other ROS system, and give images the room that they need between processes."""
    theirs = os.environ.get("ROS_DOMAIN_ID", "0")
    domain = next(str(number) for number in (1 + os.getpid() % 100, 101) if str(number) != theirs)
    os.environ["ROS_DOMAIN_ID"] = domain
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    library = "FASTRTPS" if os.environ.get("ROS_DISTRO") == "jazzy" else "FASTDDS"
    profile = str(share("config") / "fast_dds.xml")
    os.environ.setdefault(f"{library}_DEFAULT_PROFILES_FILE", profile)


def _make_folder(out: Path) -> None:
    """An empty folder; one that an earlier demo made is replaced, nothing else is."""
    if (out / _MARK).is_file():
        shutil.rmtree(out)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DemoError(f"{out} exists and was not made by the demo; name another with --out")
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        help="folder to fill; one from an earlier demo is replaced (default: demo)",
    )
    parser.add_argument(
        "--seed", type=int, default=_HELD_OUT_SEED, help=f"of the drive (default {_HELD_OUT_SEED})"
    )
    parser.add_argument(
        "--length", type=int, default=_LENGTH, help=f"of the drive, in images (default {_LENGTH})"
    )
    parser.add_argument(
        "--params",
        type=Path,
        default=share("config") / "tracker.yaml",
        help="parameter file of the node (default: the package's)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
