"""The windows that contexts learn from."""

import torch

from mots_ros.training.windows import windows


def test_windows_by_hand() -> None:
    """Two snippets of three frames; nobody looks into the other snippet."""
    features = torch.arange(1.0, 7.0).view(6, 1, 1, 1).expand(6, 2, 3, 4)
    around = windows(features, length=3, past=1, future=1)
    assert around.shape == (6, 3, 2, 3, 4)
    expected = [[0, 1, 2], [1, 2, 3], [2, 3, 0], [0, 4, 5], [4, 5, 6], [5, 6, 0]]
    assert around[:, :, 1, 2, 3].tolist() == expected
    assert windows(features, 3, past=2, future=0)[:3, :, 0, 0, 0].tolist() == [
        *([0, 0, 1], [0, 1, 2], [1, 2, 3])
    ]
