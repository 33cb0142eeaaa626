"""The identity loss, computed by hand."""

import math

import pytest
import torch

from mots_ros.training.identity import IdentityLoss


def test_identity_loss_by_hand() -> None:
    """Two identities at a right angle; one object is the first, one lies between the two."""
    loss = IdentityLoss(dimensions=2, identities=2)
    loss.directions.data = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    embeddings = torch.tensor([[2.0, 0.0], [5.0, 5.0]])
    scale = math.sqrt(2) * math.log(2)
    expected = (math.log(1 + math.exp(-scale)) + math.log(2)) / 2
    assert float(loss(embeddings, torch.tensor([0, 1]))) == pytest.approx(expected)


def test_a_batch_without_objects_costs_nothing() -> None:
    loss = IdentityLoss(4, 10)
    nothing = loss(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert float(nothing) == 0
    nothing.backward()
