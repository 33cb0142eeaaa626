import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mots_ros.config import TrackerConfig
from mots_ros.core import assignment, kalman
from mots_ros.core.assignment import Matches
from mots_ros.core.costs import matching_cost, search_affinity
from mots_ros.core.track_book import TrackBook
from mots_ros.core.types import Detections, TrackStatus
from shared import parity

CONFIG = TrackerConfig(birth_threshold=0.4, max_misses=8)
FRAME_NS = 100_000_000
BOX = [100.0, 50.0, 140.0, 70.0]


def detections(count, scores=0.9, box=BOX):
    boxes = np.array([box] * count, np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(count, scores, np.float32), np.zeros(count, np.int64))


def matches(rows, columns, pairs=()):
    """Of ``rows`` tracks and ``columns`` detections, those in ``pairs`` belong together."""
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    return Matches(
        pairs,
        np.setdiff1d(np.arange(rows), pairs[:, 0]),
        np.setdiff1d(np.arange(columns), pairs[:, 1]),
    )


def see_nothing(book, config=CONFIG):
    return book.advance(detections(0), matches(len(book.tracks), 0), config)


def see_the_first_again(book, config=CONFIG, **keywords):
    found = detections(1)
    return book.advance(found, matches(len(book.tracks), 1, [(0, 0)]), config, **keywords)


def test_a_track_is_born_and_reported_at_once():
    book = TrackBook()
    assert book.predict(0, CONFIG) == ()
    tracked = book.advance(detections(2), matches(0, 2), CONFIG, memories=["left", "right"])
    assert tracked.ids.tolist() == [1, 2] and tracked.ids.dtype == np.int64
    assert len(tracked.detections) == 2
    first, second = book.tracks
    assert (first.id, first.status, first.hits, first.misses) == (1, TrackStatus.CONFIRMED, 1, 0)
    assert (first.label, first.score) == (0, pytest.approx(0.9))
    assert (first.memory, second.memory) == ("left", "right")
    np.testing.assert_array_equal(first.box, BOX)
    np.testing.assert_allclose(kalman.box_of(first.mean), BOX)
    assert tracked.embeddings is None


def test_embeddings_are_reported_with_their_tracks():
    book = TrackBook()
    found = replace(detections(2), scores=np.array([0.3, 0.9], np.float32))
    embeddings = np.array([[0, 1], [2, 3]], np.float32)
    tracked = book.advance(found, matches(0, 2), CONFIG, embeddings=embeddings)
    np.testing.assert_array_equal(tracked.embeddings, [[2, 3]])


def test_only_good_detections_are_born_but_any_may_be_matched():
    book = TrackBook()
    assert len(book.advance(detections(1, scores=0.4), matches(0, 1), CONFIG).ids) == 0
    assert book.tracks == ()
    book.advance(detections(1), matches(0, 1), CONFIG)
    weak = detections(1, scores=0.1)
    assert book.advance(weak, matches(1, 1, [(0, 0)]), CONFIG).ids.tolist() == [1]


def test_a_match_renews_the_track():
    book = TrackBook()
    book.advance(detections(1), matches(0, 1), CONFIG, memories=["then"])
    see_nothing(book)
    assert (book.tracks[0].status, book.tracks[0].misses) == (TrackStatus.LOST, 1)
    assert book.tracks[0].memory == "then"
    moved = Detections(
        np.array([[104.0, 50, 144, 70]], np.float32),
        np.array([0.6], np.float32),
        np.array([1], np.int64),
    )
    book.advance(moved, matches(1, 1, [(0, 0)]), CONFIG, memories=["now"])
    (track,) = book.tracks
    assert (track.id, track.status, track.hits, track.misses) == (1, TrackStatus.CONFIRMED, 2, 0)
    assert (track.label, track.score, track.memory) == (1, pytest.approx(0.6), "now")
    np.testing.assert_array_equal(track.box, moved.boxes[0])
    assert 120 < track.mean[0] <= 124


def test_reported_detections_keep_their_order():
    book = TrackBook()
    book.advance(detections(2), matches(0, 2), CONFIG)
    found = Detections(
        np.arange(16, dtype=np.float32).reshape(4, 4),
        np.array([0.9, 0.2, 0.8, 0.7], np.float32),
        np.zeros(4, np.int64),
    )
    tracked = book.advance(found, matches(2, 4, [(0, 3), (1, 2)]), CONFIG)
    assert tracked.ids.tolist() == [3, 2, 1]
    np.testing.assert_array_equal(tracked.detections.boxes, found.boxes[[0, 2, 3]])
    assert [track.id for track in book.tracks] == [1, 2, 3]


@pytest.mark.parametrize("max_misses", [0, 1, 8])
def test_a_track_ends_when_it_misses_too_often(max_misses):
    config = replace(CONFIG, max_misses=max_misses)
    book = TrackBook()
    book.advance(detections(1), matches(0, 1), config)
    for _ in range(max_misses):
        assert len(see_nothing(book, config).ids) == 0
    assert len(book.tracks) == 1
    see_nothing(book, config)
    assert book.tracks == ()


@pytest.mark.parametrize(("frame", "lives"), [(9, True), (9.4, True), (10, False), (36000, False)])
def test_frames_that_never_came_are_missed_too(frame, lives):
    """Eight may be missed after frame 0, of which one came: the next may be the ninth."""
    book = TrackBook()
    book.predict(0, CONFIG)
    book.advance(detections(1), matches(0, 1), CONFIG)
    book.predict(FRAME_NS, CONFIG)
    see_nothing(book)
    assert len(book.predict(round(frame * FRAME_NS), CONFIG)) == lives


def test_a_late_frame_may_go_on_with_what_was_just_seen():
    book = TrackBook()
    book.predict(0, CONFIG)
    book.advance(detections(2), matches(0, 2), CONFIG)
    assert len(book.predict(36000 * FRAME_NS, CONFIG)) == 2
    assert see_the_first_again(book).ids.tolist() == [1]
    assert [track.id for track in book.tracks] == [1]


def test_what_comes_at_half_the_rate_is_missed_for_as_long():
    book = TrackBook()
    book.predict(0, CONFIG)
    book.advance(detections(1), matches(0, 1), CONFIG)
    misses = []
    for number in range(1, 6):
        book.predict(2 * number * FRAME_NS, CONFIG)
        see_nothing(book)
        misses += [track.misses for track in book.tracks]
    assert misses == [2, 4, 6, 8]


def test_a_tentative_track_is_reported_once_confirmed_and_ends_with_its_first_miss():
    config = replace(CONFIG, confirm_hits=3)
    book = TrackBook()
    assert len(book.advance(detections(1), matches(0, 1), config).ids) == 0
    assert book.tracks[0].status is TrackStatus.TENTATIVE
    assert len(see_the_first_again(book, config).ids) == 0
    assert see_the_first_again(book, config).ids.tolist() == [1]
    see_nothing(book, config)
    assert see_the_first_again(book, config).ids.tolist() == [1]

    book.clear()
    book.advance(detections(1), matches(0, 1), config)
    see_nothing(book, config)
    assert book.tracks == ()


def test_ids_are_not_given_again_after_clearing():
    book = TrackBook()
    book.advance(detections(3), matches(0, 3), CONFIG)
    book.clear()
    assert book.tracks == ()
    assert book.advance(detections(1), matches(0, 1), CONFIG).ids.tolist() == [4]


@pytest.mark.parametrize(
    ("elapsed_ns", "frames"),
    [
        (FRAME_NS, 1.0),
        (2 * FRAME_NS, 2.0),
        (FRAME_NS // 4, 0.25),
        (0, 1.0),
        (-FRAME_NS, 0.0),
        (3600 * 10**9, 10.0),
    ],
)
def test_tracks_move_by_the_time_that_passed(elapsed_ns, frames):
    book = TrackBook()
    book.predict(5 * FRAME_NS, CONFIG)
    book.advance(detections(1), matches(0, 1), CONFIG)
    (born,) = book.tracks
    velocity = np.array([0, 0, 0, 0, 8.0, 0, 0])
    book.tracks = (replace(born, mean=born.mean + velocity),)
    (track,) = book.predict(5 * FRAME_NS + elapsed_ns, CONFIG)
    assert book.tracks == (track,)
    np.testing.assert_allclose(track.mean - born.mean - velocity, [8 * frames, *[0] * 6])


def test_time_starts_anew_after_clearing():
    book = TrackBook()
    book.predict(10**18, CONFIG)
    book.clear()
    book.advance(detections(1), matches(0, 1), CONFIG)
    (before,) = book.tracks
    (after,) = book.predict(5, CONFIG)
    np.testing.assert_array_equal(after.covariance, before.covariance)


@given(st.lists(st.lists(st.booleans(), max_size=4), max_size=15), st.integers(1, 3))
def test_whatever_happens_ids_ascend_and_lives_are_consistent(frames, confirm_hits):
    """Each frame says of every live track whether it is seen; one new object comes with it."""
    config = replace(CONFIG, max_misses=2, confirm_hits=confirm_hits)
    book = TrackBook()
    ever: set[int] = set()
    for number, seen in enumerate(frames):
        live = {track.id for track in book.predict(number * FRAME_NS, CONFIG)}
        rows = [row for row, hit in enumerate(seen[: len(live)]) if hit]
        pairs = [(row, column) for column, row in enumerate(rows)]
        found = detections(len(pairs) + 1)
        tracked = book.advance(found, matches(len(live), len(found), pairs), config)
        ids = [track.id for track in book.tracks]
        assert ids == sorted(set(ids))
        assert min(set(ids) - live) > max(ever, default=0)
        ever.update(ids)
        assert len(tracked.ids) == len(set(tracked.ids)) == len(tracked.detections)
        confirmed = {t.id for t in book.tracks if t.status is TrackStatus.CONFIRMED}
        assert set(tracked.ids.tolist()) == confirmed
        for track in book.tracks:
            assert track.misses <= 2
            assert (track.misses == 0) == (track.status is not TrackStatus.LOST)


def drowned(cost):
    """The reference's Hungarian mode: its infinity, 1e18, swallows the digits of the true costs."""
    columns, rows = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e18).T)
    real = np.isfinite(cost[rows, columns])
    return matches(*cost.shape, np.stack([rows[real], columns[real]], axis=1))


def reference_frames(reference, method):
    """Per frame: detections, what each track's search found, and the reference's ids."""
    for frame in reference[method]:
        kept = [frame["detections"][position] for position in frame["detections_kept"]]
        found = Detections(
            np.array([item["bbox"] for item in kept], np.float32).reshape(-1, 4),
            np.array([item["score"] for item in kept], np.float32),
            np.array([item["class"] for item in kept], np.int64),
        )
        searched: dict[int, list] = {}
        for item in frame["track_results"]:
            if item["track_score"] > 0.4:
                searched.setdefault(item["tracking_id"], []).append(item)
        ids = {tuple(item["bbox"]): item["tracking_id"] for item in frame["output"]}
        yield found, searched, [ids[tuple(item["bbox"])] for item in kept]


@pytest.mark.parametrize("method", ["greedy", "hungarian"])
@pytest.mark.parametrize("name", ["tracker.json", "tracker_hard.json", "tracker_lifetime.json"])
def test_lives_and_associations_equal_the_reference(name, method):
    reference = json.loads(parity(name).read_text())
    drowning = reference["meta"]["hungarian_frames_where_1e18_cost_changes_the_assignment"]
    book = TrackBook()
    ours_of: dict[int, int] = {}
    for number, (found, searched, expected) in enumerate(reference_frames(reference, method)):
        tracks = book.predict(number * FRAME_NS, CONFIG)
        candidates = np.zeros((len(tracks), 3, 4))
        scores = np.zeros((len(tracks), 3))
        for row, track in enumerate(tracks):
            their_id = next(theirs for theirs, ours in ours_of.items() if ours == track.id)
            last = [{"track_bbox": track.box, "track_score": 0.5}]
            for rank, item in enumerate(searched.get(their_id, last)):
                candidates[row, rank], scores[row, rank] = item["track_bbox"], item["track_score"]
        affinity = search_affinity(candidates, scores, found.boxes)
        labels = np.array([track.label for track in tracks])
        cost = matching_cost(affinity, labels, found.labels, 0.01)
        chosen = assignment.METHODS[method](cost)
        if method == "hungarian" and number in drowning:
            theirs = drowned(cost)
            assert _total(cost, theirs) > _total(cost, chosen)
            chosen = theirs
        tracked = book.advance(found, chosen, CONFIG)
        np.testing.assert_array_equal(tracked.detections.boxes, found.boxes)
        # The reference's Hungarian mode numbers simultaneous births in another order.
        for theirs_id, ours_id in zip(expected, tracked.ids.tolist(), strict=True):
            assert ours_of.setdefault(theirs_id, ours_id) == ours_id, f"frame {number}"
            assert method == "hungarian" or ours_id == theirs_id
        assert len(set(ours_of.values())) == len(ours_of)


def _total(cost, chosen):
    return cost[tuple(chosen.pairs.T)].sum()
