"""Which id switches of a drive are worst.

A switch is as bad as what it breaks is long: the frames in which the old id covers the object
before it, or those in which the new id does from then on, whichever are fewer. So one that splits
a long track in the middle comes before one at the image's border or a flicker of a frame. Of equal
ones the object that is larger in the image comes first, and of several switches of an object
between the same two ids only the worst counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mots_ros.data.kitti_mots import Annotation
from mots_ros.data.rle import spans
from mots_ros.evaluation.matching import FrameMatches, IdSwitch, id_switches


@dataclass(frozen=True)
class RankedSwitch:
    """An id switch and what it breaks.

    frames_before: with the old id on the object, until the switch.
    frames_after: with the new id on the object, from the switch on.
    area: pixels of the true object in the frame of the switch.
    """

    switch: IdSwitch
    frames_before: int
    frames_after: int
    area: int

    @property
    def broken(self) -> int:
        """How bad it is: the frames on the shorter side."""
        return min(self.frames_before, self.frames_after)


def worst_switches(
    matches: Sequence[FrameMatches], truth: Annotation, most: int
) -> list[RankedSwitch]:
    """The at most ``most`` worst switches of a sequence, the worst first."""
    ranked = [_ranked(switch, matches, truth) for switch in id_switches(matches)]
    ranked.sort(key=lambda item: (-item.broken, -item.area, item.switch.frame))
    chosen: dict[tuple[int, frozenset[int]], RankedSwitch] = {}
    for item in ranked:
        ids = frozenset((item.switch.before, item.switch.after))
        chosen.setdefault((item.switch.object_id, ids), item)
    return list(chosen.values())[:most]


def mask_of(truth: Annotation, frame: int, object_id: int) -> bytes:
    """The run-length mask of an object in a frame in which it can be seen."""
    return next(item.rle for item in truth.frames[frame] if item.object_id == object_id)


def _ranked(switch: IdSwitch, matches: Sequence[FrameMatches], truth: Annotation) -> RankedSwitch:
    covering = [found.pairs.get(switch.object_id) for found in matches]
    height, width = truth.size
    starts, ends = spans(mask_of(truth, switch.frame, switch.object_id), height * width)
    return RankedSwitch(
        switch,
        covering[: switch.frame].count(switch.before),
        covering[switch.frame :].count(switch.after),
        int((ends - starts).sum()),
    )
