"""What a ``Context`` looks at, for every frame of a batch of snippets."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def windows(features: Tensor, length: int, past: int, future: int) -> Tensor:
    """The windows [F, past + 1 + future, C, h, w] around all frames, in their order.

    Args:
        features: [F, C, h, w] of snippets of ``length`` frames, one after the other. Before and
            after a snippet there is nothing, as before and after a drive.
    """
    snippets = features.unflatten(0, (-1, length))
    padded = F.pad(snippets, (0, 0) * 3 + (past, future))
    return padded.unfold(1, past + 1 + future, 1).movedim(-1, 2).flatten(0, 1)
