"""What an evaluation says of one sequence, written into its folder."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from mots_ros.core.types import Image
from mots_ros.data import box_tracks, kitti_mots, mot_challenge
from mots_ros.data.box_tracks import BoxTracks
from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.track_text import KITTI, KITTI_MOTS, TextFormat, Tracks
from mots_ros.evaluation import contact_sheet
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.matching import FrameMatches, match
from mots_ros.evaluation.numbering import NumberedDrive
from mots_ros.evaluation.pictures import write_picture
from mots_ros.evaluation.plots import save_tracks_plot
from mots_ros.evaluation.results import Results, TextResults
from mots_ros.evaluation.scores import Measures, Values, measure
from mots_ros.evaluation.summary import Summary, from_plain, plain, read_json, scored, write_json
from mots_ros.evaluation.switch_pictures import save_worst_switches

_SEQUENCES = "sequences"
_SUMMARY = "summary.json"
_TRACKEVAL = "trackeval.json"


def write_sequence(
    folder: Path,
    name: str,
    length: int,
    results: Results | TextResults | BoxTracks,
    truth: Tracks | None = None,
    images: NumberedDrive | None = None,
    form: TextFormat = KITTI_MOTS,
    step_ms: Sequence[float] | None = None,
    live: Mapping[str, Any] | None = None,
) -> None:
    """Write the results of a sequence, its scores where there is ground truth, and pictures.

    Args:
        length: of the sequence, in frames.
        results: of our tracker, or masks or boxes that another program wrote.
        images: of the sequence, without which there are no pictures of them.
        form: of the ground truth, by whose benchmark's rules it is scored.
        step_ms: the tracker's time for every image.
        live: what was measured while a live node ran.

    Raises EvaluationError where truth, results and images do not fit together.
    """
    unanswered = _unanswered(results, truth, images, form)
    reported, track_ids = _reported(folder, name, results, form, truth is not None)
    measures = None if truth is None else measure(truth, reported, length, form, name)
    matches: list[FrameMatches] = []
    pictures = folder / _SEQUENCES / name
    # Pictures of other results might remain.
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    if isinstance(truth, Annotation) and isinstance(reported, Annotation):
        matches = match(truth, reported.only(form.class_names), length)
        plot = pictures / "tracks.png"
        save_tracks_plot(plot, f"{name}: tracks", matches, track_ids, unanswered)
        if images is not None:
            switches = pictures / "switches"
            save_worst_switches(switches, images, truth, reported, matches, track_ids)
    if images is not None and not isinstance(results, BoxTracks):
        counts = [len(reported.frames.get(frame, ())) for frame in images.numbers]
        shown = [matches[frame] for frame in images.numbers] if matches else []
        places = contact_sheet.choose_frames(counts, shown, track_ids)
        remarks = {images.numbers[place]: said for place, said in places.items()}
        sheet = _contact_sheet(images, results, remarks, truth, matches)
        write_picture(pictures / "contact_sheet.png", sheet)
    if measures is not None:
        write_json(pictures / _TRACKEVAL, plain(measures))
    of_classes = None if measures is None else scored(measures, form.has_masks)
    if live is not None and isinstance(truth, Annotation):
        alone = _scores_of_answered(truth, reported, length, unanswered)
        live = {**live, "scores_of_answered": alone}
    summary: Summary = {
        "sequence": name,
        "frames": length,
        "frames_without_result": unanswered,
        "frames_without_image": [] if images is None else images.frames_without_image,
        "scores": None if of_classes is None else of_classes["scores"],
        "curves": None if of_classes is None else of_classes["curves"],
        "step_ms": None if step_ms is None else list(step_ms),
        "live": None if live is None else dict(live),
    }
    write_json(pictures / _SUMMARY, summary)


def is_finished(folder: Path, name: str, made_from: Iterable[Path] = ()) -> bool:
    """Whether ``write_sequence`` came to its end after what it was made from changed last."""
    summary = folder / _SEQUENCES / name / _SUMMARY
    if not summary.is_file():
        return False
    finished_ns = summary.stat().st_mtime_ns
    return all(
        file.stat().st_mtime_ns <= finished_ns
        for path in made_from
        for file in (path, *filter(Path.is_file, path.glob("*")))
    )


def read_sequences(folder: Path) -> Iterator[tuple[Summary, dict[str, Measures]]]:
    """Every finished sequence of a folder and what TrackEval says of it, nothing without truth.

    Raises EvaluationError where a file cannot be read.
    """
    for path in sorted((folder / _SEQUENCES).glob(f"*/{_SUMMARY}")):
        summary = cast(Summary, read_json(path))
        has_truth = summary["scores"] is not None
        yield summary, from_plain(read_json(path.with_name(_TRACKEVAL))) if has_truth else {}


def _unanswered(
    results: Results | TextResults | BoxTracks,
    truth: Tracks | None,
    images: NumberedDrive | None,
    form: TextFormat,
) -> list[int]:
    """Frames without a result; of text, which has no line for empty frames, those with objects."""
    if isinstance(results, Results):
        return [] if images is None else [n for n in images.numbers if n not in results]
    if truth is None:
        return []
    answered = results.frames if isinstance(results, BoxTracks) else results
    if isinstance(truth, Annotation):
        wanted = list(truth.without_ignored().frames)
    else:
        wanted = [
            frame
            for frame, lines in truth.frames.items()
            if any(box_tracks.is_wanted(line, form == KITTI) for line in lines)
        ]
    return [frame for frame in wanted if frame not in answered]


def _reported(
    folder: Path,
    name: str,
    results: Results | TextResults | BoxTracks,
    form: TextFormat,
    scores_follow: bool,
) -> tuple[Tracks, dict[int, int]]:
    """Write results, and return them in a format, with the track behind each id of masks.

    Raises EvaluationError where masks are to be scored of more tracks than the format has ids for;
    where they are not, no text of masks is written.
    """
    if isinstance(results, BoxTracks):
        return results, {}
    boxes = {}
    if isinstance(results, Results):
        # Boxes first: they remain where KITTI MOTS' format has not enough ids for the masks.
        for label, class_name in enumerate(results.class_names):
            path = _into(folder, "boxes", class_name, f"{name}.txt")
            mot_challenge.write_tracks(path, results.boxes(label))
            boxes[class_name] = path
    try:
        reported, track_ids = results.annotation()
    except EvaluationError:
        if form.has_masks and scores_follow:
            raise
        reported, track_ids = Annotation(results.size, {}), {}
    else:
        if form.has_masks or reported.frames:
            # Frames count as they do in the masks that these are to be compared with.
            first_frame = form.first_frame if form.has_masks else KITTI_MOTS.first_frame
            path = _into(folder, "results", f"{name}.txt")
            kitti_mots.write(path, reported, first_frame=first_frame)
    if form.has_masks:
        return reported, track_ids
    # What is scored is what the files say, to their last decimal.
    tracks = {
        class_name: box_tracks.read_mot(path, is_truth=False) for class_name, path in boxes.items()
    }
    if form == KITTI:
        return box_tracks.kitti_from_mot(tracks), {}
    return tracks.get("pedestrian", BoxTracks({})), {}


def _scores_of_answered(
    truth: Annotation, reported: Tracks, length: int, unanswered: Collection[int]
) -> dict[str, Values]:
    """What the scores are without the frames that the machine was too slow for."""
    frames = {frame: found for frame, found in truth.frames.items() if frame not in unanswered}
    return scored(measure(Annotation(truth.size, frames), reported, length))["scores"]


def _into(folder: Path, *parts: str) -> Path:
    """A file's path, whose folder exists from now on."""
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _contact_sheet(
    images: NumberedDrive,
    results: Results | TextResults,
    remarks: Mapping[int, str],
    truth: Tracks | None,
    matches: Sequence[FrameMatches],
) -> Image:
    """The sheet of the frames that have remarks."""
    tiles = []
    for number, frame in images:
        if number not in remarks:
            continue
        caption = f"frame {number}   {remarks[number]}"
        if number not in results:
            caption += "   no result"
        missed = None
        if isinstance(truth, Annotation):
            missed = contact_sheet.missed_objects(truth, matches[number], number)
        tile = contact_sheet.Tile(caption, frame.image, results.tracked(number), missed)
        tiles.append(tile)
    title = f"{images.name}: {len(tiles)} of {len(images.numbers)} images"
    if isinstance(truth, Annotation):
        title += ", white outline: missed"
    return contact_sheet.compose(title, tiles, results.class_names)
