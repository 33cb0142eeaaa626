"""Long-term re-identification on tracks that were broken by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from box_worlds import tracked_frame
from mots_ros.core.types import Frame, TrackedFrame
from mots_ros.evaluation.errors import EvaluationError
from mots_ros.evaluation.relink import Remembered, Tracklet, relink
from step_pipeline import StepPipeline

S = 1_000_000_000
UP, RIGHT, BETWEEN = (0.0, 1.0), (1.0, 0.0), (0.6, 0.8)


def tracklet(
    first_s: float, last_s: float, *looks: tuple[float, float], label: int = 0
) -> Tracklet:
    return Tracklet(label, round(first_s * S), round(last_s * S), np.array(looks, np.float32))


def test_a_broken_track_becomes_one() -> None:
    tracklets = {3: tracklet(0, 2, UP), 7: tracklet(2.9, 4, UP), 9: tracklet(4.1, 5, UP)}
    assert relink(tracklets, 0.9) == {7: 3, 9: 3}


@pytest.mark.parametrize(
    "later",
    [
        tracklet(2.0, 4, UP),  # both in one frame
        tracklet(3.01, 4, UP),  # more than a second apart
        tracklet(2.5, 4, UP, label=1),
        tracklet(2.5, 4, BETWEEN),
    ],
)
def test_others_stay_two(later: Tracklet) -> None:
    assert relink({3: tracklet(0, 2, UP), 7: later}, 0.85) == {}


def test_galleries_are_as_similar_as_their_closest_pair() -> None:
    tracklets = {1: tracklet(0, 2, RIGHT, UP), 2: tracklet(2.5, 3, (0.0, -1.0), BETWEEN)}
    assert relink(tracklets, 0.79) == {2: 1}
    assert relink(tracklets, 0.81) == {}


def test_a_track_goes_on_in_one_other_and_the_most_similar_comes_first() -> None:
    tracklets = {
        1: tracklet(0, 2, UP),
        2: tracklet(0, 2, BETWEEN),
        3: tracklet(2.5, 3, BETWEEN),
        4: tracklet(2.6, 3, BETWEEN),
    }
    assert relink(tracklets, 0.7) == {3: 2, 4: 1}
    assert relink(tracklets, 0.9) == {3: 2}


def looking(*looks: tuple[float, float]) -> StepPipeline:
    """A pipeline with one track, 5, that looks so in the successive frames."""

    def step(frame: Frame) -> TrackedFrame:
        number = frame.stamp_ns // S
        shown = {5: (1, 1, 3, 3)} if number < len(looks) else {}
        tracked = tracked_frame((8, 8), shown, frame.stamp_ns, label=1)
        embeddings = np.array(looks[number : number + 1], np.float32).reshape(-1, 2)
        return replace(tracked, embeddings=embeddings)

    return StepPipeline(step)


def test_what_tracks_look_like_is_remembered_in_length_one() -> None:
    remembered = Remembered(looking((3, 0), (0, 2), (3, 4)))
    for number in range(4):
        frame = Frame(number * S, "camera", np.zeros((8, 8, 3), np.uint8))
        assert len(remembered.step(frame)) == 1
    assert remembered.finish() == []
    ((track_id, known),) = remembered.tracklets.items()
    assert (track_id, known.label, known.first_ns, known.last_ns) == (5, 1, 0, 2 * S)
    np.testing.assert_allclose(known.gallery, [(1, 0), (0, 1), (0.6, 0.8)])


def test_a_tracker_must_know_what_tracks_look_like() -> None:
    blind = Remembered(StepPipeline(lambda frame: tracked_frame((8, 8), {})))
    with pytest.raises(EvaluationError, match="dior, cstrack or trackrcnn"):
        blind.step(Frame(0, "camera", np.zeros((8, 8, 3), np.uint8)))
