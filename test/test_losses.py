"""The losses, computed by hand."""

import numpy as np
import pytest
import torch

from mots_ros.training.losses import (
    dice_loss,
    focal_map,
    heatmap_loss,
    mask_loss,
    near_boxes,
    outline_loss,
    search_loss,
    semantic_loss,
)


def test_focal_loss_by_hand() -> None:
    logits = torch.tensor([0.0, 0.0, 2.0])
    target = torch.tensor([1.0, 0.5, 0.0])
    p = 1 / (1 + np.exp(-2.0))
    expected = [0.25 * np.log(2), 0.5**4 * 0.25 * np.log(2), -(p**2) * np.log(1 - p)]
    np.testing.assert_allclose(focal_map(logits, target), expected, rtol=1e-5)


def test_dice_loss_of_equal_and_disjoint_masks() -> None:
    target = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    found = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(dice_loss(found, target), torch.tensor(0.5), atol=1e-3, rtol=0)


def test_mask_loss_asks_for_the_outline_between_cells() -> None:
    """A strip two pixels wide, half a cell: the cell's probability that draws it so wide wins over
    the one that says what share of the cell it covers."""
    target = torch.zeros(1, 4, 12)
    target[..., 5:7] = 1

    def loss(middle: float) -> float:
        probability = torch.tensor([[[0.01, middle, 0.01]]])
        return float(mask_loss(torch.logit(probability), target))

    assert loss(0.65) < loss(0.5) - 0.1
    assert loss(0.65) < loss(0.99) - 0.1


def test_outline_loss_by_hand() -> None:
    """One object is uncertain in both cells that count; the other is too sure of a cell that it
    covers by half, where the best answer has an entropy of ln 2."""
    logits = torch.tensor([[[0.0, 0.0, 9.0]], [[2.0, 99.0, 99.0]]])
    target = torch.tensor([[[1.0, 0.0, 0.0]], [[0.5, 0.0, 0.0]]])
    near = torch.tensor([[[True, True, False]], [[True, False, False]]])
    p = 1 / (1 + np.exp(-2.0))
    expected = (np.log(2) - (np.log(p) + np.log(1 - p)) / 2 - np.log(2)) / 2
    assert float(outline_loss(logits, target, near)) == pytest.approx(expected, rel=1e-5)
    assert float(outline_loss(logits[:0], target[:0], near[:0])) == 0


def test_cells_near_boxes_by_hand() -> None:
    """Ten cells wide: four more on either side; one high: two and a fifth, by their middles."""
    near = near_boxes(torch.tensor([[10.0, 5.0, 20.0, 6.0], [0.0, 0.0, 0.0, 0.0]]), (12, 30))
    expected = np.zeros((2, 12, 30), bool)
    expected[0, 3:8, 6:24] = True
    expected[1, :2, :2] = True
    np.testing.assert_array_equal(near, expected)


def test_semantic_loss_by_hand() -> None:
    """Two covered cells, one of them found with certainty; an ignored cell; an uncertain one."""
    logits = torch.tensor([[[[0.0, 99.0, 99.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 0.0, 1.0]]]])
    expected = 2 * 0.25 * np.log(2) / 2
    assert float(semantic_loss(logits, target, weight)) == pytest.approx(expected)


def test_heatmap_loss_counts_objects_and_leaves_out_what_is_ignored() -> None:
    """Two centres at probability one half, beside a cell that is background and one ignored."""
    logits = torch.zeros(1, 1, 1, 4)
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    expected = 3 * 0.25 * np.log(2) / 2
    assert float(heatmap_loss(logits, target, weight)) == pytest.approx(expected)
    assert float(heatmap_loss(logits, 0 * target, weight)) == pytest.approx(expected * 2)


def test_search_loss_is_the_mean_over_searches() -> None:
    """One finds its object with probability one half; the other's is gone, and it finds nobody."""
    logits = torch.tensor([[[0.0, -99.0]], [[-99.0, -99.0]]])
    target = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    assert float(search_loss(logits, target)) == pytest.approx(0.25 * np.log(2) / 2)
    assert float(search_loss(logits[:0], target[:0])) == 0


def test_no_objects_no_mask_loss() -> None:
    logits = torch.zeros(0, 4, 4, requires_grad=True)
    loss = mask_loss(logits, torch.zeros(0, 16, 16))
    loss.backward()
    assert loss.item() == 0
