"""ROIAlign: hand-computed bins, borders, several frames, gradients."""

from __future__ import annotations

import torch

from mots_ros.nets.roi_align import roi_align


def ramp(height: int = 8, width: int = 12) -> torch.Tensor:
    """Two channels [1, 2, H, W] that say where each pixel's centre is: x, then y."""
    x = (torch.arange(width) + 0.5).expand(height, width)
    y = (torch.arange(height) + 0.5).view(-1, 1).expand(height, width)
    return torch.stack((x, y))[None]


def test_bins_hold_the_mean_of_their_points() -> None:
    """A linear map is interpolated exactly, so every bin says where its own centre is."""
    box = torch.tensor([[2.0, 1.0, 8.0, 5.0]])
    found = roi_align(ramp(), box, torch.tensor([0]), (2, 3))
    torch.testing.assert_close(found[0, 0], torch.tensor([[3.0, 5.0, 7.0]]).expand(2, 3))
    torch.testing.assert_close(found[0, 1], torch.tensor([[2.0], [4.0]]).expand(2, 3))


def test_a_pixel_alone_is_its_neighbours_mean() -> None:
    """The four points of a one-pixel bin lie a quarter off its centre: weights 3/4 and 1/4."""
    features = torch.zeros(1, 1, 3, 3)
    features[0, 0, 1, 1] = 16
    found = roi_align(features, torch.tensor([[1.0, 1.0, 2.0, 2.0]]), torch.tensor([0]), (1, 1))
    torch.testing.assert_close(found.item(), 16 * (3 / 4) ** 2)


def test_a_single_point_lies_in_the_bin_s_middle() -> None:
    features = torch.zeros(1, 1, 3, 3)
    features[0, 0, 1, 1] = 16
    box = torch.tensor([[0.5, 1.0, 2.0, 2.0]])  # its middle is a quarter left of the pixel's
    found = roi_align(features, box, torch.tensor([0]), (1, 1), samples=1)
    torch.testing.assert_close(found.item(), 16 * (3 / 4))


def test_outside_the_map_is_nothing() -> None:
    boxes = torch.tensor([[-8.0, -8.0, -4.0, -4.0], [-4.0, 0.0, 4.0, 8.0]])
    found = roi_align(torch.ones(1, 1, 8, 8), boxes, torch.tensor([0, 0]), (1, 2))
    torch.testing.assert_close(found[0], torch.zeros(1, 1, 2))
    torch.testing.assert_close(found[1], torch.tensor([[[0.0, 1.0]]]))


def test_every_box_is_read_in_its_own_frame() -> None:
    features = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    boxes = torch.tensor([[1.0, 1.0, 5.0, 5.0]] * 4)
    found = roi_align(features, boxes, torch.tensor([2, 0, 1, 2]), (2, 2))
    assert found.mean(dim=(1, 2, 3)).tolist() == [2, 0, 1, 2]


def test_no_boxes_no_regions() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert roi_align(ramp(), torch.zeros(0, 4), none, (7, 5)).shape == (0, 2, 7, 5)


def test_gradients_reach_the_features() -> None:
    features = ramp().requires_grad_()
    box = torch.tensor([[2.0, 1.0, 8.0, 5.0]])
    roi_align(features, box, torch.tensor([0]), (2, 2)).sum().backward()
    assert features.grad is not None
    # Eight values are means whose weights sum to one.
    torch.testing.assert_close(features.grad.sum(), torch.tensor(8.0))
