"""Batches for the objectives of the trackers' heads."""

from __future__ import annotations

import torch

from mots_ros.training.snippets import SnippetBatch

HEIGHT, WIDTH = 64, 96


def snippets(objects: int, length: int) -> SnippetBatch:
    """Two snippets of ``length`` frames with so many objects in each."""
    frames = 2 * length
    torch.manual_seed(3)
    count = frames * objects
    masks = torch.zeros(count, HEIGHT, WIDTH, dtype=torch.bool)
    masks[:, 20:44, 30:54] = True
    return SnippetBatch(
        images=torch.randint(0, 255, (frames, HEIGHT, WIDTH, 3), dtype=torch.uint8),
        heat=torch.zeros(frames, 2, HEIGHT // 4, WIDTH // 4),
        heat_weight=torch.ones(frames, 2, HEIGHT // 4, WIDTH // 4),
        counts=(objects,) * frames,
        frame=torch.arange(frames).repeat_interleave(objects),
        place=torch.tensor([[10, 8]]).expand(count, 2),
        centre=torch.tensor([[10.5, 8.0]]).expand(count, 2),
        size=torch.tensor([[6.0, 6.0]]).expand(count, 2),
        masks=masks,
        label=torch.zeros(count, dtype=torch.int64),
        identity=torch.arange(count) % 5,
        length=length,
    )
