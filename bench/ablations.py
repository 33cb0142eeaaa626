"""SearchTrack with one of its ideas taken away, to see what the idea is worth.

The network stays as it was trained. The paper trains anew for some of its ablations, so its numbers
and these answer different questions: these say what the trained tracker uses.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from mots_ros.config import TrackerConfig
from mots_ros.core import kalman
from mots_ros.core.types import Observation, TrackedDetections
from mots_ros.nets.search import SearchFeatures
from mots_ros.trackers.base import Tracker
from mots_ros.trackers.searchtrack import SearchTracker
from mots_ros.trackers.sort import SortTracker

FULL = "searchtrack"
NO_SEARCH = "sort"


def trackers(config: TrackerConfig, ablations: bool) -> dict[str, Tracker]:
    """New trackers by name: SearchTrack, what remains without its search, and what lies between."""
    between: dict[str, Tracker] = {
        "without motion map": WithoutMotionMap(config),
        "without Kalman": WithoutKalman(config),
    }
    return {
        FULL: SearchTracker(config),
        **(between if ablations else {}),
        NO_SEARCH: SortTracker(config),
    }


class WithoutMotionMap(SearchTracker):
    """The search does not know where its object is expected: it goes by looks alone."""

    def step(self, observation: Observation[SearchFeatures]) -> TrackedDetections:
        """See ``Tracker.step``."""
        features = observation.features
        kernels = without_coordinates(features.kernels, channels=len(features.search))
        features = replace(features, find=lambda: kernels)
        return super().step(replace(observation, features=features))


class WithoutKalman(SearchTracker):
    """Objects are expected where they were last seen, as large as they were then."""

    def step(self, observation: Observation[SearchFeatures]) -> TrackedDetections:
        """See ``Tracker.step``."""
        # A filter that begins at the last box is at rest there: predicting it, over any time, moves
        # nothing, and nothing that it learnt from updates is left. A step of no time would not do,
        # for without process noise the filter averages all boxes since birth.
        tracks = []
        for track in self._book.tracks:
            mean, covariance = kalman.initiate(track.box)
            tracks.append(replace(track, mean=mean, covariance=covariance))
        self._book.tracks = tuple(tracks)
        return super().step(observation)


def without_coordinates(kernels: Tensor, channels: int) -> Tensor:
    """Search kernels [N, 2C² + 5C + 1] that do not read the two coordinate channels.

    A kernel begins with its first layer, [C, C + 2], whose first two columns read them.
    """
    first = channels * (channels + 2)
    changed = kernels.clone()
    changed[:, :first].view(-1, channels, channels + 2)[:, :, :2] = 0
    return changed
