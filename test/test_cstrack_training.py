"""What trains CSTrack's head: its losses, by hand, and what they reach."""

from __future__ import annotations

import pytest
import torch

from mots_ros.nets.cstrack import CSTrackHead, CSTrackSpec
from mots_ros.training.cstrack import CSTrackObjective
from mots_ros.training.identity import batch_identity_loss
from mots_ros.training.objective import detection_losses
from small_net import small_net
from snippet_batches import snippets


def objective() -> CSTrackObjective:
    net = small_net()
    # The attention's bottleneck is one channel wide; of some seeds' it is dead.
    torch.manual_seed(3)
    head = CSTrackHead(CSTrackSpec((8, 8, 8), width=4, embedding=16))
    return CSTrackObjective(net, head, identities=5).train()


def test_losses_are_those_of_detection_and_a_fiftieth_of_identity() -> None:
    """Equation 10; as the reciprocal network starts, detection's are those of the network alone."""
    trained, batch = objective(), snippets(objects=2, length=2)
    features = trained.features(batch)
    losses = trained(batch)
    first = features.of(slice(None, None, 2))
    alone = detection_losses(trained.net, first.shared, trained.net.heads(first), batch.step(0))
    assert losses.keys() == {*alone, "identity", "batch identity"}
    for name, loss in alone.items():
        torch.testing.assert_close(losses[name], loss)
    x, y = batch.place.unbind(1)
    embeddings = trained.head(features.shared, features.ladder, batch.frame, y, x)
    expected = 0.02 * trained.identity(embeddings, batch.identity)
    torch.testing.assert_close(losses["identity"], expected)
    expected = 0.2 * batch_identity_loss(embeddings, batch.identity)
    torch.testing.assert_close(losses["batch identity"], expected)


@pytest.mark.parametrize("objects", [2, 0])
def test_every_layer_of_the_head_learns_and_the_network_does_not(objects: int) -> None:
    trained = objective()
    # What starts as the identity gets no gradient from detection in its first step.
    torch.nn.init.constant_(trained.head.context.detection_weight, 0.5)
    torch.stack(list(trained(snippets(objects, length=2)).values())).sum().backward()
    gradients = [parameter.grad for parameter in trained.trained.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    if objects:
        assert all(gradient.any() for gradient in gradients if gradient is not None)
    assert all(parameter.grad is None for parameter in trained.net.parameters())
