"""How long each stage of the frame path takes: from an image message to the tracker's messages.

A generated image is tracked again and again with exactly as many tracks as are asked for: every one
of its strongest peaks counts as a detection, whatever its score. The full model has random weights
and ranges, which take as long as those that were learnt and calibrated.

Stages are timed apart from the whole tick: on a GPU each stage waits for the one before it. On a
processor, decoding counts where it is waited for, not where it goes on beside the search. After
each whole tick comes a pass of the network alone, for their ratio. "frame to frame" is the time
between two frames of a camera that is faster: as in the node, messages go out while the next one is
in the network. Last comes the memory that a frame holds at most.

.venv/bin/python bench/frame_path.py --models light dla34 --tracks 1 10 50 100 --out new.json
.venv/bin/python bench/frame_path.py --compare old.json new.json
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

# Says how torch's threads wait for each other, which counts before torch is loaded alone.
import mots_ros

# isort: split
import numpy as np
import torch
from frame_memory import peak_megabytes
from matplotlib.figure import Figure
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from terminal import check_new, command, config_of, run

import mots_ros.pipeline
from mots_ros.build import THREADS, build_pipeline
from mots_ros.config import Config
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.data.street import StreetDrive
from mots_ros.detection.detector import CenterNetDetector, letterbox_of
from mots_ros.detection.runner import NetworkRunner, _Place
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.table import table
from mots_ros.nets import checkpoint
from mots_ros.nets.quantised import observed_ranges
from mots_ros.nets.searchtrack import DLA34, SearchTrackNet
from mots_ros.parameter import whole_number
from mots_ros.pipeline import Pipeline
from mots_ros.progress import progress
from mots_ros.ros.convert import DetectionsMessage, to_frame, to_masks_message, to_rgb_message

STAGES = ("receive", "preprocess", "network", "decode", "search", "associate", "masks", "publish")
WHOLE, OUTSIDE, BARE = "whole tick", "outside the network", "bare network"
PERIOD = "frame to frame"
TIMED = (*STAGES, OUTSIDE, WHOLE, PERIOD, BARE)
FULL = {"detector.input_width": 1280, "detector.input_height": 384, "detector.fit": "longer_side"}
"""How the released program sees KITTI's images."""
WARM_UP = 5
PERIOD_NS = 10**8

Times = dict[str, list[float]]
"""Milliseconds by stage."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = command(__doc__ or "")
    parser.add_argument("--models", nargs="+", choices=("light", "dla34"), default=["light"])
    number = whole_number(1)
    parser.add_argument("--tracks", nargs="+", type=number, default=[20], metavar="N")
    parser.add_argument(
        "--images", nargs="+", type=_size, default=[(375, 1242)], metavar="WIDTHxHEIGHT"
    )
    parser.add_argument("--frames", type=number, default=50, help="timed; default: 50")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="new file with the stages")
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="two runs' --out"
    )
    run(parser, lambda options: (compare if options.compare else measure)(options), arguments)


def measure(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """What the options ask for, as text and as plain values."""
    check_new(options.plot)
    runs = []
    with TemporaryDirectory() as folder:
        for model in options.models:
            config = config_of(options, unused=("node.", "tracker.name"))
            if model == "dla34":
                path = Path(folder) / "dla34.safetensors"
                torch.manual_seed(0)
                net = SearchTrackNet(DLA34).eval()
                ranges = observed_ranges(net, [torch.rand(1, 3, 64, 64)])
                checkpoint.save(net, path, ranges)
                config = config.with_values({**FULL, "detector.weights": str(path)})
            for size in options.images:
                for tracks in options.tracks:
                    name = f"{model}, {size[1]}x{size[0]}, {tracks} tracks"
                    measured = timed(config, size, tracks, options.frames, name)
                    runs.append({"name": name, **measured})
    if options.plot is not None:
        save_plot(options.plot, runs)
    threads = config.detector.threads or THREADS
    device = f"{runs[0]['device']}, {threads} threads, torch {torch.__version__}"
    rows = [["milliseconds, median (p99)", *TIMED]]
    for item in runs:
        rows.append([item["name"], *(_cell(item["ms"][key]) for key in TIMED)])
    rows[0] += [f"{whole} / {BARE}" for whole in (WHOLE, PERIOD)]
    rows[0] += [f"peak of {what}, MB" for what in runs[0]["mb"]]
    for row, item in zip(rows[1:], runs, strict=True):
        for whole in (WHOLE, PERIOD):
            row.append(f"{median(np.divide(item['ms'][whole], item['ms'][BARE])):.2f}")
        row += [f"{size:.1f}" for size in item["mb"].values()]
    return f"{device}\n{_listed(rows)}", {"device": device, "runs": runs}


def timed(
    config: Config, size: tuple[int, int], tracks: int, frames: int, name: str
) -> dict[str, Any]:
    """Milliseconds of whole ticks and of their stages, peaks of memory, and the device's name."""
    values = {
        "detector.score_threshold": 0.0,
        "detector.max_detections": tracks,
        "detector.nms_overlap": 1.0,
        "tracker.birth_threshold": 0.0,
        "tracker.max_misses": 0,
    }
    frame = StreetDrive(seed=1, length=1, size=size).frame(0).frame
    message = deserialize_message(to_rgb_message(frame, frame.image), Image)
    pipeline = build_pipeline(config.with_values(values))
    numbers, answer = count(), DetectionsMessage(pipeline.detector.class_names)

    def tick() -> float:
        return _tick(pipeline, message, next(numbers), tracks, answer)

    pipeline.wake()
    network = _bare_network(pipeline, frame)
    whole, bare = zip(*((tick(), network()) for _ in range(WARM_UP + frames)), strict=True)
    period = _periods(pipeline, message, numbers, WARM_UP + frames, answer)
    stages: Times = defaultdict(list)
    with _stopwatches(stages, pipeline):
        for _ in progress(range(frames), frames, name):
            tick()
            _tell_apart(stages)
    milliseconds = {WHOLE: whole, PERIOD: period, BARE: bare}
    milliseconds = {name: values[WARM_UP:] for name, values in milliseconds.items()} | stages
    megabytes = peak_megabytes(tick)
    pipeline.sleep()
    return {"ms": milliseconds, "mb": megabytes, "device": pipeline.detector.device}


def _tick(
    pipeline: Pipeline, message: Image, number: int, tracks: int, answer: DetectionsMessage
) -> float:
    """Everything the node does with a message, without the transport; its milliseconds."""
    _stamp(message, number)
    start = time.perf_counter()
    (tracked,) = pipeline.step(_receive(message))
    _publish(tracked, answer)
    seconds = time.perf_counter() - start
    if len(tracked.ids) != tracks:
        raise EvaluationError(f"expected {tracks} tracks, found {len(tracked.ids)}")
    return 1000 * seconds


def _periods(
    pipeline: Pipeline,
    message: Image,
    numbers: Iterator[int],
    frames: int,
    answer: DetectionsMessage,
) -> list[float]:
    """Milliseconds from frame to frame, where publishing is another thread's as in the node."""
    times: list[float] = [time.perf_counter()]
    publishing: Future[None] | None = None
    with ThreadPoolExecutor(1) as aside:
        for _ in range(frames):
            _stamp(message, next(numbers))
            (tracked,) = pipeline.step(_receive(message))
            if publishing is not None:
                publishing.result()
            publishing = aside.submit(_publish, tracked, answer)
            times.append(time.perf_counter())
    return [1000 * (after - before) for before, after in pairwise(times)]


def _stamp(message: Image, number: int) -> None:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(number * PERIOD_NS, 10**9)


def _bare_network(pipeline: Pipeline, frame: Frame) -> Callable[[], float]:
    """What passes the network once, from pixels on its device to all maps, and says how long that
    took in milliseconds."""
    runner = pipeline.detector.runner
    letterbox = letterbox_of(frame.size, pipeline.detector.config)
    pixels = runner._input([_Place(runner._whole, frame.image, letterbox)])

    @torch.inference_mode()
    def passed() -> float:
        start = time.perf_counter()
        runner._whole(pixels)
        if pixels.is_cuda:
            torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - start)

    return passed


def _receive(message: Image) -> Any:
    return to_frame(message, "image")


def _publish(tracked: TrackedFrame, answer: DetectionsMessage) -> None:
    serialize_message(answer.of(tracked))
    to_masks_message(tracked)


@contextmanager
def _stopwatches(stages: Times, pipeline: Pipeline) -> Iterator[None]:
    """What the functions of the frame path take goes into ``stages``, with all that they call."""
    cuda = pipeline.detector.runner.device.type == "cuda"

    def watched(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **named)
            if cuda:
                torch.cuda.synchronize()
            stages[stage].append(1000 * (time.perf_counter() - start))
            return result

        return call

    with ExitStack() as stack:
        for owner, name, stage in (
            (sys.modules[__name__], "_receive", "receive"),
            (NetworkRunner, "_look", "network"),
            (NetworkRunner, "_input", "preprocess"),
            (CenterNetDetector, "__call__", "detector"),
            (CenterNetDetector, "_found", "found"),
            (pipeline.detector.head, "_look", "search"),
            (type(pipeline.tracker), "step", "tracker"),
            (mots_ros.pipeline, "compose_label_image", "masks"),
            (sys.modules[__name__], "_publish", "publish"),
        ):
            stack.enter_context(patch.object(owner, name, watched(stage, getattr(owner, name))))
        yield


def _tell_apart(stages: Times) -> None:
    """From what the last tick's functions took in all to what they took themselves."""
    stages["network"][-1] -= stages["preprocess"][-1]
    stages["publish"][-1] -= stages["masks"][-1]
    last = {stage: values[-1] for stage, values in stages.items()}
    # The tracker asks for the detections, perhaps after its search.
    begun = last["detector"] - last["preprocess"] - last["network"]
    stages["decode"].append(begun + last["found"])
    stages["associate"].append(last["tracker"] - last["search"] - last["found"])
    stages[OUTSIDE].append(sum(stages[stage][-1] for stage in STAGES if stage != "network"))


def compare(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The medians of one run as parts of another's."""
    old, new = ({item["name"]: item["ms"] for item in _read(path)} for path in options.compare)
    shared = [name for name in new if name in old]
    if not shared:
        raise EvaluationError(f"{options.compare[1]}: expected some of {', '.join(old)}")
    ratios = {
        name: {key: median(new[name][key]) / median(old[name][key]) for key in old[name]}
        for name in shared
    }
    rows = [["new / old", *TIMED]]
    for name, values in ratios.items():
        rows.append([name, *(f"{values[key]:.2f}" for key in TIMED)])
    return _listed(rows), ratios


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"]
        measured = set.intersection(*({*item["ms"]} for item in runs if item["name"]))
    except (ValueError, KeyError, TypeError):
        measured = set()
    if not {*TIMED} <= measured:
        raise EvaluationError(f"{path}: expected what this command writes to --out")
    return runs


def save_plot(path: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """A bar for every run, its stages one after the other."""
    figure = Figure(figsize=(10, 1.5 + 0.4 * len(runs)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(runs))
    for number, stage in enumerate(STAGES):
        widths = [median(item["ms"][stage]) for item in runs]
        axes.barh(
            range(len(runs)), widths, left=left, label=stage, color=f"C{number}", edgecolor="white"
        )
        left += widths
    axes.set_yticks(range(len(runs)), [item["name"] for item in runs])
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds, medians")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(STAGES), frameon=False, fontsize=8)
    figure.savefig(path, dpi=110, format="png")


def _listed(rows: list[list[str]]) -> str:
    """A column for every run: there are more stages than a terminal has room for."""
    return table(list(zip(*rows, strict=True)), names=1)


def _cell(milliseconds: Sequence[float]) -> str:
    middle, late = np.percentile(milliseconds, (50, 99))
    return f"{middle:.1f} ({late:.1f})"


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels, found '{text}'")
    return int(found[2]), int(found[1])


if __name__ == "__main__":
    main()
