"""COCO's compressed run-length strings: masks as text, checked before anything decodes them.

The C decoder of pycocotools trusts its input: a run that leaves the image makes it write outside
its buffer. The string holds the lengths of alternating background and foreground runs down the
columns. A number is written in groups of five bits, lowest first, each as the character 48 + group,
plus 32 while more groups follow; bit four of the last group is the sign. From the fourth run on,
the number is the difference to the run two places before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

MAX_PIXELS = 2**28
"""The largest image whose runs the decoder's 32-bit arithmetic holds."""

_MAX_GROUPS = 6
_FIRST_CHARACTER = 48
_VALUE_BITS, _SIGN_BIT, _MORE_BIT = 0x1F, 0x10, 0x20


class RleError(ValueError):
    """A run-length string does not describe a mask of the stated size."""


def encode(mask: NDArray[np.bool_]) -> bytes:
    """The run-length string of a mask [H, W]."""
    counts: bytes = coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    return counts


def decode(rle: bytes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask [H, W] of ``size`` behind a string that ``run_lengths`` accepts."""
    mask: NDArray[np.bool_] = coco.decode(_sized([rle], size)[0]).astype(bool)
    return mask


def iou(a: Sequence[bytes], b: Sequence[bytes], size: tuple[int, int]) -> NDArray[np.float64]:
    """Intersection over union [len(a), len(b)] of masks of one ``size``; 0 where both are empty.

    The strings are such as ``run_lengths`` accepts.
    """
    return _overlap(a, b, size, of_a_alone=False)


def covered(a: Sequence[bytes], b: Sequence[bytes], size: tuple[int, int]) -> NDArray[np.float64]:
    """The share [len(a), len(b)] of every mask of a that lies in each of b; 0 where a's is empty.

    The strings are such as ``run_lengths`` accepts.
    """
    return _overlap(a, b, size, of_a_alone=True)


def box_of(rle: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The tight box x1, y1, x2, y2 of a mask in whole pixels, ends excluded; None when it is empty.

    Raises RleError as ``run_lengths`` does.
    """
    # Not pycocotools' box: an empty mask with a foreground run of length 0 gets an absurd one.
    height, width = size
    starts, ends = spans(rle, height * width)
    if len(starts) == 0:
        return None
    first_column, last_column = starts // height, (ends - 1) // height
    top, bottom = int((starts % height).min()), int(((ends - 1) % height).max()) + 1
    if (last_column > first_column).any():
        # A run that goes on in the next column touches the bottom there and the top here.
        top, bottom = 0, height
    return int(first_column[0]), top, int(last_column[-1]) + 1, bottom


def spans(rle: bytes, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First pixel and end [R] of every foreground run that is not empty, down the columns.

    Raises RleError as ``run_lengths`` does.
    """
    runs = run_lengths(rle, pixels)
    ends = np.cumsum(runs)
    foreground = np.flatnonzero(runs[1::2]) * 2 + 1
    return (ends - runs)[foreground], ends[foreground]


def run_lengths(rle: bytes, pixels: int) -> NDArray[np.int64]:
    """Lengths of the runs [R], beginning with background (possibly of length 0).

    Raises RleError where ``rle`` holds an impossible character, ends within a number, or its runs
    do not fill exactly ``pixels`` (at most MAX_PIXELS).
    """
    groups = np.frombuffer(rle, np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if len(groups) == 0:
        raise RleError("expected run lengths, found an empty string")
    strange = (groups < 0) | (groups > (_VALUE_BITS | _MORE_BIT))
    if strange.any():
        at = int(strange.argmax())
        raise RleError(f"expected characters '0' to 'o', found {chr(rle[at])!r} at position {at}")
    last = (groups & _MORE_BIT) == 0
    if not last[-1]:
        raise RleError("expected another character: the last run length is incomplete")

    number_ends = np.flatnonzero(last)
    number_starts = np.concatenate(([0], number_ends[:-1] + 1))
    sizes = number_ends - number_starts + 1
    if sizes.max() > _MAX_GROUPS:
        raise RleError(f"expected run lengths of at most {_MAX_GROUPS} characters")
    place = np.arange(len(groups)) - np.repeat(number_starts, sizes)
    numbers = np.add.reduceat((groups & _VALUE_BITS) << (5 * place), number_starts)
    negative = (groups[number_ends] & _SIGN_BIT) != 0
    numbers[negative] -= np.int64(1) << (5 * sizes[negative])

    runs = numbers
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    if runs.min() < 0:
        raise RleError("expected run lengths of at least 0, found a negative one")
    if runs.sum() != pixels:
        raise RleError(f"expected runs that fill {pixels} pixels, found {runs.sum()}")
    return runs


def _overlap(
    a: Sequence[bytes], b: Sequence[bytes], size: tuple[int, int], of_a_alone: bool
) -> NDArray[np.float64]:
    if not a or not b:
        return np.zeros((len(a), len(b)))
    return np.asarray(coco.iou(_sized(a, size), _sized(b, size), [of_a_alone] * len(b)))


def _sized(rles: Sequence[bytes], size: tuple[int, int]) -> list[dict[str, object]]:
    """Masks as pycocotools knows them."""
    return [{"size": list(size), "counts": rle} for rle in rles]
