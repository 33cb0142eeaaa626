"""Convert a KITTI drive into a rosbag2 recording.

SOURCE is a sequence of KITTI tracking (training/image_02/0000), a KITTI raw recording
(2011_09_26/2011_09_26_drive_0001_sync) or any folder of numbered images. Calibration and
timestamps are used where they lie in KITTI's places; without timestamps, images come at 10 Hz.
The topics are those of kitti2bag: /kitti/camera_color_left/image_raw and camera_info.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mots_ros.data.bags import write_drive
from mots_ros.data.drives import DriveError
from mots_ros.data.kitti import open_folder
from mots_ros.progress import progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros kitti_to_bag``."""
    parser = argparse.ArgumentParser(
        prog="kitti_to_bag",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder with the drive")
    parser.add_argument("out", type=Path, metavar="OUT", help="rosbag2 folder to make")
    options = parser.parse_args(arguments)
    try:
        drive = open_folder(options.source)
        count = write_drive(
            options.out, progress(drive, len(drive), "Converting"), drive.calibration
        )
    except (DriveError, OSError) as error:
        parser.exit(2, f"kitti_to_bag: error: {error}\n")
    seconds = (drive.stamps_ns[-1] - drive.stamps_ns[0]) / 1e9
    calibration = "with camera_info" if drive.calibration else "without calibration"
    print(f"{options.out}: {count} images over {seconds:.1f} s, {calibration}")


if __name__ == "__main__":
    main()
