"""TrackR-CNN's losses, computed by hand."""

import pytest
import torch

from mots_ros.nets.trackrcnn import LOSSES
from mots_ros.training.trackrcnn_losses import BY_NAME, batch_all, batch_hard, contrastive

VECTORS = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.0, 0.6], [0.6, 0.8]])
"""Distances: 0.5, 0.6, 1 from the first; from the second sqrt(0.13) and 0.5; then sqrt(0.40)."""
IDENTITY = torch.tensor([7, 7, 9, 9])
SQRT_13, SQRT_40 = 0.13**0.5, 0.4**0.5


def test_batch_hard_by_hand() -> None:
    """Equation 6: the farthest of the same object, the nearest of another, a margin of 0.2."""
    of_each = [0.5 - 0.6 + 0.2, 0.5 - SQRT_13 + 0.2, SQRT_40 - SQRT_13 + 0.2, SQRT_40 - 0.5 + 0.2]
    assert float(batch_hard(VECTORS, IDENTITY)) == pytest.approx(sum(of_each) / 4)


def test_batch_all_by_hand() -> None:
    """Equation 7: each has one of the same object, and two of the other."""
    of_each = [
        *(0.5 - 0.6 + 0.2, 0.0),
        *(0.5 - SQRT_13 + 0.2, 0.5 - 0.5 + 0.2),
        *(SQRT_40 - 0.6 + 0.2, SQRT_40 - SQRT_13 + 0.2),
        *(0.0, SQRT_40 - 0.5 + 0.2),
    ]
    assert float(batch_all(VECTORS, IDENTITY)) == pytest.approx(sum(of_each) / 8)


def test_contrastive_by_hand() -> None:
    """Equation 8, over all ordered pairs: of the same object 0.5 and sqrt(0.4) apart, the nearest
    of two objects within the margin."""
    near = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.0, 0.15], [0.6, 0.65]])
    others = [0.05**2, 0.0, 0.0, 0.0]
    expected = 2 * (0.5**2 + 0.6**2 + 0.5**2 + sum(others)) / 16
    assert float(contrastive(near, IDENTITY)) == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_pull_and_push(name: str) -> None:
    """Also where vectors start out equal; an object alone has nothing to be kept apart from."""
    torch.manual_seed(0)
    vectors = torch.nn.Parameter(0.01 * torch.randn(6, 8))
    identity = torch.tensor([0, 0, 1, 1, 2, 2])
    vectors.data[1] = vectors.data[0]
    optimiser = torch.optim.Adam([vectors], 0.02)
    for _ in range(100):
        loss = BY_NAME[name](vectors, identity)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert vectors.isfinite().all()
    assert loss.item() < 1e-3
    distance = torch.cdist(vectors, vectors)
    same = identity[:, None] == identity
    assert distance[same].max() < distance[~same].min() - 0.1
    assert float(BY_NAME[name](vectors[:1].detach(), identity[:1])) == 0
