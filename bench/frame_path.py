"""How long each stage of the frame path takes, on a generated drive: medians and their shares.

.venv/bin/python bench/frame_path.py [--config config/tracker.yaml] [--frames 100]
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from mots_ros.build import build_detector, build_tracker
from mots_ros.config import Config, load_config
from mots_ros.core.masks import compose_label_image
from mots_ros.data.street import StreetDrive

WARM_UP = 10


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="parameter file")
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    config = load_config(options.config) if options.config else Config()
    detector, tracker = build_detector(config.detector), build_tracker(config.tracker)
    frames = [item.frame for item in StreetDrive(seed=1, length=options.frames + WARM_UP)]
    milliseconds: dict[str, list[float]] = defaultdict(list)
    objects = []
    for frame in frames:
        start = time.perf_counter()
        observation = detector(frame)
        detected = time.perf_counter()
        tracked = tracker.step(observation)
        linked = time.perf_counter()
        compose_label_image(tracked.detections, tracked.ids, observation.letterbox, frame.size)
        painted = time.perf_counter()
        objects.append(len(tracked.ids))
        milliseconds["detector"].append(1e3 * (detected - start))
        milliseconds["tracker"].append(1e3 * (linked - detected))
        milliseconds["masks"].append(1e3 * (painted - linked))
        milliseconds["whole"].append(1e3 * (painted - start))
    steady = {stage: np.array(times[WARM_UP:]) for stage, times in milliseconds.items()}
    whole = np.median(steady["whole"])
    print(
        f"{options.frames} images of {frames[0].size[1]}x{frames[0].size[0]}, "
        f"{np.mean(objects[WARM_UP:]):.1f} objects each, on {detector.device} with "
        f"{torch.get_num_threads()} threads"
    )
    for stage, times in steady.items():
        median, late = np.percentile(times, (50, 99))
        print(f"{stage:10} {median:7.1f} ms   {median / whole:4.0%}   p99 {late:7.1f} ms")
    print(f"{1e3 / whole:.1f} images a second")


if __name__ == "__main__":
    main()
