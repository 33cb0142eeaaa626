"""Train a tracker by a plan: a YAML file that names tracker, data, network and schedule.

The folder OUT gets the plan, the averaged weights (last.safetensors; best.safetensors by HOTA on
the validation drives), everything needed to continue (state.pt), TensorBoard's files, history.jsonl
and curve.png. Ctrl-C or SIGTERM saves and stops; --resume continues as if nothing had happened.
Several GPUs: torchrun --nproc-per-node N -m mots_ros.commands.train --config PLAN OUT
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from tqdm import tqdm

from mots_ros.commands.training_job import training_job
from mots_ros.core.types import Frame, Image
from mots_ros.data.kitti_mots import Annotation, objects_of
from mots_ros.data.sources import annotated_classes, open_source
from mots_ros.evaluation.collect import track
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.overlay import draw, draw_masks
from mots_ros.evaluation.scores import score
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.parameter import ConfigError, setting
from mots_ros.pipeline import Pipeline
from mots_ros.training.clips import Clip, load_clips
from mots_ros.training.history import History
from mots_ros.training.loop import (
    Interrupted,
    TrainingState,
    loss_scalars,
    rank,
    start_process,
    train,
)
from mots_ros.training.pairs import Pair
from mots_ros.training.plan import Plan, load_plan
from mots_ros.training.snippets import Snippet

PLAN, STATE = "plan.yaml", "state.pt"
FRAME_NS = 10**8
LAST, BEST = "last.safetensors", "best.safetensors"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``ros2 run mots_ros train``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.resume and (options.config or options.set):
        parser.error("--resume takes the plan of the run: no --config, no --set")
    try:
        if options.resume:
            plan = load_plan(options.out / PLAN)
        elif options.config:
            plan = load_plan(options.config, dict(map(setting, options.set)))
        else:
            parser.error("expected --config PLAN, or --resume")
        device = start_process()
        _run(plan, options.out, options.cache, options.resume, device)
    except (CheckpointError, ConfigError, FloatingPointError, OSError, ValueError) as error:
        parser.exit(2, f"train: error: {' '.join(str(error).split())}\n")
    except Interrupted as stop:
        parser.exit(130, f"train: {stop}; go on with: train --resume {options.out}\n")
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the run, new or to resume")
    parser.add_argument(
        "--config", type=Path, metavar="PLAN", help="such as config/train_light.yaml"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one value of the plan, such as iterations=500; may be repeated",
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in OUT")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("~/.cache/mots_ros/training").expanduser(),
        help="folder for drives at training size (default: %(default)s)",
    )
    return parser


def _run(plan: Plan, out: Path, cache: Path, resume: bool, device: torch.device) -> None:
    """Train as planned.

    Raises:
        ValueError: a source of data, the folder or the weights to start from cannot be used.
    """
    if not resume and out.exists() and any(out.iterdir()):
        raise ValueError(f"{out}: expected a new or empty folder, or --resume")
    if resume and not (out / STATE).exists():
        raise ValueError(f"{out / STATE}: nothing to resume")
    torch.manual_seed(plan.seed)
    sources = [_clips(entry, cache, plan) for entry in plan.data]
    held_out = [clip for entry in plan.validation for clip in _clips(entry, cache, plan)]
    if held_out and not any(boxes for clip in held_out for boxes in clip.boxes):
        raise ValueError("'validation': expected drives with objects in them, found none")
    weights = [
        entry.get("weight", 1.0) * len(clip) / sum(map(len, clips))
        for entry, clips in zip(plan.data, sources, strict=True)
        for clip in clips
    ]
    clips = [clip for source in sources for clip in source]
    job = training_job(plan, clips, weights, resume)
    state = TrainingState.start(job.objective, plan, device)
    if resume:
        state.load(out / STATE, device)
    if rank() == 0:
        out.mkdir(parents=True, exist_ok=True)
        plan.write(out / PLAN)
        history = History(out)

    def save() -> None:
        scalars = loss_scalars(state.losses)
        job.save(state.averaged, out / LAST)
        final = state.iteration == plan.iterations
        if held_out and (final or state.iteration % plan.validate_every == 0):
            scores, picture = validate(job.pipeline(state.averaged, device), held_out)
            history.picture(state.iteration, "validation", picture)
            scalars |= scores
            mean = float(np.mean([v for name, v in scores.items() if name.startswith("HOTA")]))
            if mean > state.best:
                state.best = mean
                job.save(state.averaged, out / BEST)
        history.record(state.iteration, scalars)
        history.picture(state.iteration, "sample", _sample_picture(job.samples[state.iteration]))
        state.save(out / STATE)
        tqdm.write(f"{state.iteration}: {', '.join(f'{n} {v:.3g}' for n, v in scalars.items())}")

    train(state, job.samples, plan, device, lambda *now: history.show(*now), save)
    if rank() == 0:
        history.close()
        print(f"{out / LAST}: after {plan.iterations} steps")
        if held_out:
            print(f"{out / BEST}: HOTA {state.best:.1f} on the validation drives")


def _clips(entry: Mapping[str, Any], cache: Path, plan: Plan) -> list[Clip]:
    """The clips of a source of the plan; the first process makes what the cache lacks."""
    drives = open_source({key: entry[key] for key in entry if key not in ("weight", "classes")})
    load = functools.partial(load_clips, drives, cache, plan.workers, plan.input_pixels)
    clips = load() if rank() == 0 else []
    if distributed.is_initialized():
        distributed.barrier()
    annotated = annotated_classes(entry)
    return [dataclasses.replace(clip, annotated=annotated) for clip in clips or load()]


def validate(pipeline: Pipeline, clips: Sequence[Clip]) -> tuple[dict[str, float], Image]:
    """Mean HOTA and AssA of every class over clips.

    Classes that a clip lacks do not count there. Also returns a picture of the last frame.
    """
    names = pipeline.detector.class_names
    per_class: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        pipeline.reset()
        results = track(enumerate(_frames(clip)), pipeline, names)
        truth = Annotation(
            clip.images.shape[1:3],
            {i: found for i, ids in enumerate(clip.instances) if (found := objects_of(ids))},
        )
        try:
            reported, _ = results.annotation()
        except EvaluationError:
            # More tracks than the format has numbers for: as good as none.
            reported = Annotation(truth.size, {})
        for name, scores in score(truth, reported, len(clip)).items():
            if scores.truth_masks:
                per_class[f"HOTA/{name}"].append(scores.hota)
                per_class[f"AssA/{name}"].append(scores.ass_a)
    last = len(clips[-1]) - 1
    picture = draw(clips[-1].images[last], results.tracked(last), names)
    return {name: float(np.mean(values)) for name, values in per_class.items()}, picture


def _sample_picture(sample: Pair | Snippet) -> Image:
    """The frames of a sample beside each other, with their objects."""
    sides = []
    for image, targets in zip(sample.images, sample.targets, strict=True):
        canvas, labels = image.copy(), np.zeros(image.shape[:2], np.uint16)
        for instance, mask in zip(targets.ids.tolist(), targets.masks, strict=True):
            labels[mask] = instance
        draw_masks(canvas, labels, 0.4)
        sides.append(canvas)
    return np.hstack(sides)


def _frames(clip: Clip) -> Iterator[Frame]:
    for i, image in enumerate(clip.images):
        yield Frame(i * FRAME_NS, "camera", image)


if __name__ == "__main__":
    main()
