"""Say what a weights file holds, turn it into one of this package's files or an ONNX graph, or find
with which ranges its network can compute in eight bits.

Reads this package's .safetensors and the .pth files of SearchTrack's and CenterNet's programs.
Nothing in a file is run, whatever it holds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mots_ros.commands.evaluation_job import open_drive
from mots_ros.config import DetectorConfig
from mots_ros.data.drives import DriveError
from mots_ros.detection.detector import letterbox_of
from mots_ros.nets import checkpoint
from mots_ros.nets.checkpoint import Checkpoint, CheckpointError
from mots_ros.nets.export import ExportError, export
from mots_ros.nets.folding import fold_normalisation
from mots_ros.nets.normalise import normalised, statistics
from mots_ros.nets.quantised import Ranges, observed_ranges
from mots_ros.nets.searchtrack import NetworkSpec, SearchTrackNet
from mots_ros.parameter import whole_number
from mots_ros.progress import progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros checkpoint``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        contents = checkpoint.read(options.file)
        if options.task == "convert":
            _check_new(options.out, checkpoint.OURS)
            checkpoint.save(contents.network(), options.out, contents.ranges)
        elif options.task == "calibrate":
            _check_new(options.out, checkpoint.OURS)
            checkpoint.save(contents.network(), options.out, _calibrated(contents, options))
            contents = checkpoint.read(options.out)
        elif options.task == "export":
            _check_new(options.out, ".onnx")
            export(contents.network(), options.out, tuple(options.input))
        print(description(contents, tuple(options.input)))
    except (CheckpointError, DriveError, ExportError, OSError) as error:
        parser.exit(2, f"checkpoint: error: {error}\n")


def _calibrated(contents: Checkpoint, options: argparse.Namespace) -> Ranges:
    """What the network sees in images of the drives, as the detector shows them to it."""
    net = contents.network()
    fold_normalisation(net)
    drives = [open_drive(path) for path in options.drives]
    counts = [min(options.images, len(drive)) for drive in drives]

    def images() -> Iterator[Tensor]:
        for drive, count in zip(drives, counts, strict=True):
            for frame in islice(drive, 0, None, -(-len(drive) // count)):
                view = letterbox_of(frame.size, DetectorConfig()).warp(frame.image)
                yield normalised(torch.from_numpy(view)[None], statistics())

    return observed_ranges(net, progress(images(), sum(counts), "images"))


def _check_new(out: Path, suffix: str) -> None:
    if out.suffix != suffix:
        raise CheckpointError(f"{out}: the name must end in {suffix}")
    if out.exists():
        raise CheckpointError(f"{out} exists; it is not overwritten")


def description(contents: Checkpoint, input_size: tuple[int, int]) -> str:
    """What a file holds and what it can do, as lines of text; ``input_size`` is height, width."""
    spec = contents.spec
    count = sum(weight.numel() for name, weight in contents.weights.items() if _learnt(name))
    names = spec.class_names
    rows = {
        "classes": ", ".join(names) if len(names) <= 10 else f"{len(names)} without names",
        "backbone": f"DLA, depths {spec.depths}, channels {spec.channels}"
        + (", deformable neck" if spec.deformable else ""),
        "heads": _heads(contents),
        "parameters": f"{count:,} ({count * 4 / 1e6:.1f} MB as float32)",
        "eight bits": f"{len(contents.ranges)} convolutions calibrated"
        if contents.ranges
        else "not calibrated",
    }
    try:
        contents.network()
    except CheckpointError as error:
        # A file that only starts another network's training, such as CenterNet's, is no mistake.
        rows["runs"] = f"no: {str(error).removeprefix(f'{contents.path}: ')}"
    else:
        rows["operations"] = _operations(spec, input_size)
        masks = ", masks" + (" at stride 2" if spec.fine_masks else "")
        rows["runs"] = "boxes, tracks" + (masks if spec.mask_head else "; no masks")
    if contents.unused:
        rows["unused"] = ", ".join(contents.unused)
    return "\n".join(
        [str(contents.path), *(f"  {name:<11} {value}" for name, value in rows.items())]
    )


def _learnt(name: str) -> bool:
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def _heads(contents: Checkpoint) -> str:
    """Every head's name and its number of channels."""
    channels = {
        name.split(".")[0]: len(weight)
        for name, weight in contents.weights.items()
        if name.endswith((".2.weight", ".last.weight")) and name.count(".") == 2
    }
    return ", ".join(f"{name} {count}" for name, count in channels.items())


def _operations(spec: NetworkSpec, size: tuple[int, int]) -> str:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        net = SearchTrackNet(spec).eval()
        net.heads(net.features(torch.empty(1, 3, *size)))
    # One multiplication with its addition counts as one.
    return f"{counter.get_total_flops() / 2e9:.1f} G multiply-adds for {size[0]}x{size[1]} pixels"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="checkpoint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    describe = tasks.add_parser("describe", help="classes, heads, size, what it will run")
    turn = tasks.add_parser("convert", help="write it as safetensors, and describe it")
    graph = tasks.add_parser("export", help="write it as an ONNX graph, and describe it")
    ranges = tasks.add_parser(
        "calibrate", help="write it with the ranges for detector.precision int8, and describe it"
    )
    for task in (describe, turn, graph, ranges):
        task.add_argument("file", type=Path, help=".safetensors or .pth")
        task.add_argument(
            "--input",
            type=int,
            nargs=2,
            default=(384, 1280),
            metavar=("HEIGHT", "WIDTH"),
            help="network input, for which operations are counted and a graph is made; default: "
            "384 1280",
        )
    turn.add_argument("out", type=Path, help="new file to write, .safetensors")
    graph.add_argument("out", type=Path, help="new file to write, .onnx")
    ranges.add_argument("out", type=Path, help="new file to write, .safetensors")
    ranges.add_argument(
        "drives",
        type=Path,
        nargs="+",
        help="bags and folders of images such as the network will see; 50 or more images are "
        "enough",
    )
    ranges.add_argument(
        "--images", type=whole_number(1), default=100, help="at most, of each drive; default: 100"
    )
    return parser


if __name__ == "__main__":
    main()
