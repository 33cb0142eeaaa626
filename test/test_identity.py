"""The identity loss, computed by hand."""

import math

import pytest
import torch

from mots_ros.training.identity import SHARPNESS, IdentityLoss, batch_identity_loss


def test_identity_loss_by_hand() -> None:
    """Two identities at a right angle; one object is the first, one lies between the two."""
    loss = IdentityLoss(dimensions=2, identities=2)
    loss.directions.data = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    embeddings = torch.tensor([[2.0, 0.0], [5.0, 5.0]])
    scale = math.sqrt(2) * math.log(2)
    expected = (math.log(1 + math.exp(-scale)) + math.log(2)) / 2
    assert loss(embeddings, torch.tensor([0, 1])).item() == pytest.approx(expected)


@pytest.mark.parametrize("identities", [0, 1, 10])
def test_a_batch_without_objects_costs_nothing(identities: int) -> None:
    loss = IdentityLoss(4, identities)
    nothing = loss(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert float(nothing) == 0
    nothing.backward()


def test_batch_identity_loss_by_hand() -> None:
    """The first two are one object, at a right angle; the third, between them, is there once and
    counts as somebody else alone."""
    embeddings = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    wrong = SHARPNESS / math.sqrt(2)
    expected = math.log(1 + math.exp(wrong))
    loss = batch_identity_loss(embeddings, torch.tensor([4, 4, 7]))
    assert float(loss) == pytest.approx(expected)


def test_of_several_views_any_will_do() -> None:
    """Three views of one object and a stranger, all alike: two of three answers are right."""
    alike = torch.ones(4, 2)
    loss = batch_identity_loss(alike, torch.tensor([1, 1, 1, 2]))
    assert float(loss) == pytest.approx(math.log(3 / 2), rel=1e-4)


@pytest.mark.parametrize("identity", [[], [1], [1, 2]])
def test_a_batch_without_pairs_costs_nothing(identity) -> None:
    embeddings = torch.ones(len(identity), 3, requires_grad=True)
    loss = batch_identity_loss(embeddings, torch.tensor(identity, dtype=torch.int64))
    loss.backward()
    assert float(loss) == 0
    assert embeddings.grad is not None and embeddings.grad.isfinite().all()
