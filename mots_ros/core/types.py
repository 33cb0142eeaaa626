"""What flows through the package: frames, detections, tracks.

Arrays are float32 unless said and read-only by convention. Image coordinates are continuous: the
pixel in column i covers [i, i + 1), so its centre lies at i + 0.5 and an image of width W spans
[0, W].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mots_ros.core.letterbox import Letterbox

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Image = NDArray[np.uint8]
LabelImage = NDArray[np.uint16]

FeaturesT = TypeVar("FeaturesT")


@dataclass(frozen=True)
class Frame:
    """One camera image.

    ``stamp_ns`` is the camera's time in nanoseconds, ``frame_id`` its optical frame, ``image`` an
    RGB uint8 array [H, W, 3]. ``public`` [N, 4] are another detector's boxes in image pixels, where
    tracks may start only beside those; None where they may start anywhere.
    """

    stamp_ns: int
    frame_id: str
    image: Image
    public: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


class CompactMasks(Protocol):
    """Masks [N, h, w] that are no array, but parts of one, in a GPU's memory or not yet computed;
    ``np.asarray`` makes one of them."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, index: NDArray[Any]) -> CompactMasks:
        """Those at ``index`` (integer positions or a boolean mask), in that order."""

    def joined(self, others: Any) -> CompactMasks:
        """These and then others, of the same kind and map."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray: ...

    def painted(
        self, view: Letterbox, size: tuple[int, int], windows: IntArray, values: LabelImage
    ) -> LabelImage:
        """A label image of ``size`` on which the masks were painted with their ``values`` [N], each
        in its window [N, 4] (left, top, right, bottom) and over those before it. The pixels of
        ``view`` are the masks' cells.
        """


@dataclass(frozen=True)
class Detections:
    """N objects seen in one frame, in no particular order.

    boxes: [N, 4] as x1, y1, x2, y2 in image pixels.
    scores: [N] in [0, 1].
    labels: int64 [N], an index into the detector's class names.
    masks: [N, h, w] foreground probability on a map of the network's input, or None for a detector
        that finds boxes only. They are computed and grow to image size when somebody looks at them;
        on a GPU they stay there until then.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: IntArray
    masks: FloatArray | CompactMasks | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: NDArray[Any]) -> Detections:
        """The detections at ``index`` (integer positions or a boolean mask), in that order."""
        masks = None if self.masks is None else self.masks[index]
        return Detections(self.boxes[index], self.scores[index], self.labels[index], masks)


@dataclass(frozen=True)
class Observation(Generic[FeaturesT]):
    """What a detector saw in one frame.

    find: tells the detections; until somebody asks they may still be in work, while a tracker that
        knows what to do without them goes on.
    features: whatever the tracker needs beside them.
    """

    frame: Frame
    letterbox: Letterbox
    find: Callable[[], Detections]
    features: FeaturesT

    @cached_property
    def detections(self) -> Detections:
        """What was found."""
        return self.find()


class TrackStatus(Enum):
    """A track's life: TENTATIVE until confirmed, CONFIRMED while seen, LOST while unseen."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    LOST = "lost"


@dataclass(frozen=True)
class Track:
    """One object over time.

    mean [7], covariance [7, 7] (float64): the Kalman state of ``core.kalman``, in image pixels and
        frames.
    box: [4] the last detected box, x1, y1, x2, y2 in image pixels.
    score, label: of the last detection.
    hits: detections so far; misses: frames since the last one.
    memory: what the tracker remembers of the object's looks (a search kernel, an embedding).
    """

    id: int
    status: TrackStatus
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    box: FloatArray
    label: int
    score: float
    hits: int
    misses: int
    memory: Any = None


@dataclass(frozen=True)
class TrackedDetections:
    """What a tracker reports for one frame: an identity (int64 [N], positive) per detection.

    precedence: [N] where masks overlap, the larger takes the pixel; None for the score.
    embeddings: [N, D] what the tracker knows the objects by, if it can be compared.
    """

    ids: IntArray
    detections: Detections
    precedence: FloatArray | None = None
    embeddings: FloatArray | None = None


@dataclass(frozen=True)
class TrackedFrame:
    """The pipeline's result for one frame.

    paint: makes the label image.
    embeddings: as in ``TrackedDetections``.
    """

    stamp_ns: int
    frame_id: str
    ids: IntArray
    detections: Detections
    paint: Callable[[], LabelImage]
    embeddings: FloatArray | None = None

    @cached_property
    def label_image(self) -> LabelImage:
        """uint16 [H, W] at image size, pixel = track id, 0 = background; masks are disjoint by
        construction. Composed when somebody looks.
        """
        return self.paint()
