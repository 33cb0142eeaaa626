"""SiamMOT's motion models: where did each object go, and is it still to be seen? (section 3)

Both compare features of the object's region in its last frame with those of a search region in the
new one. The models think in units of the box that the search starts from: its centre is the origin,
its width and height are 1, so near and far objects look alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mots_ros.nets.roi_align import roi_align
from mots_ros.nets.tracker_head import MasksAt, Seen

SCALE_SIGMA = 0.5
"""Deviation of the penalty's Gaussian over the logarithms of width and height."""


@dataclass(frozen=True)
class SiamMOTSpec:
    """The numbers that make the head; stored beside its weights.

    features: channels of the shared map. channels: those that the motion models compare.
    search: how many times the box the search region is, to each side (the paper's r).
    template: rows and columns of the explicit model's template; its search region has ``search``
        times as many. groups: of its normalisation.
    region: rows and columns of the implicit model's regions. hidden: its units.
    triplets: what it was trained on: P(ositive), H(ard), N(egative) of Table 2.
    """

    features: int = 32
    channels: int = 32
    search: float = 2.0
    template: int = 15
    groups: int = 8
    region: int = 7
    hidden: int = 512
    triplets: str = "PHN"


@dataclass(frozen=True)
class Templates:
    """What N objects looked like: targets [N, C, t, t] over their boxes for the explicit model,
    regions [N, C, s, s] over their search regions for the implicit one."""

    targets: Tensor
    regions: Tensor

    def unbind(self) -> list[Templates]:
        """One by one, in memory of their own: a track may outlive the others of its frame."""
        return [
            Templates(target[None].clone(), region[None].clone())
            for target, region in zip(self.targets, self.regions, strict=True)
        ]

    @staticmethod
    def cat(parts: Sequence[Templates]) -> Templates:
        """One after the other."""
        return Templates(
            torch.cat([part.targets for part in parts]), torch.cat([part.regions for part in parts])
        )


@dataclass(frozen=True)
class SiamMOTFeatures:
    """What SiamMOT needs of one frame beside the detections.

    shared: [1, C, h, w] what the motion models compare. templates: of every detection.
    heat: [classes, h, w] the detector's confidence in [0, 1] that an object of the class is centred
        in a pixel or beside it. masks_at: see ``Seen``.
    """

    shared: Tensor
    templates: Templates
    heat: Tensor
    masks_at: MasksAt | None


class SiamMOTHead(nn.Module):
    """Both motion models on the same features.

    ``embed`` stands for the paper's joint training: our network is trained without regard to
    motion and stays as it is.
    """

    context = None

    def __init__(self, spec: SiamMOTSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embed = nn.Conv2d(spec.features, spec.channels, 3, padding=1)
        self.explicit = ExplicitMotion(spec)
        self.implicit = ImplicitMotion(spec)

    def read(self, seen: Seen) -> SiamMOTFeatures:
        """See ``TrackerHead.read``."""
        shared = self.embed(seen.shared)
        heat = F.max_pool2d(seen.maps.heat[0].sigmoid(), 3, stride=1, padding=1)
        templates = self.templates(shared, seen.find().boxes)
        return SiamMOTFeatures(shared, templates, heat, seen.masks_at)

    def templates(self, shared: Tensor, boxes: Tensor, frame: Tensor | None = None) -> Templates:
        """Templates of boxes [N, 4] in continuous map coordinates.

        ``shared`` [B, C, h, w] is of the frames that ``frame`` int64 [N] counts; None is the first.
        """
        return Templates(
            _regions(shared, boxes, frame, 1.0, self.spec.template),
            _regions(shared, boxes, frame, self.spec.search, self.spec.region, samples=2),
        )

    def explicit_maps(
        self, shared: Tensor, targets: Tensor, starts: Tensor, frame: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the explicit model says of the ``targets`` of N templates around boxes [N, 4]."""
        bins = round(self.spec.search * self.spec.template)
        regions = _regions(shared, starts, frame, self.spec.search, bins)
        visible, boxes = self.explicit(targets, regions)
        return visible, boxes

    def implicit_motions(
        self, shared: Tensor, before: Tensor, starts: Tensor, frame: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the implicit model says of the ``regions`` of N templates around boxes [N, 4]."""
        after = _regions(shared, starts, frame, self.spec.search, self.spec.region, samples=2)
        visible, motions = self.implicit(before, after)
        return visible, motions

    def follow(
        self,
        shared: Tensor,
        templates: Templates,
        starts: Tensor,
        motion: str,
        window_weight: float,
    ) -> tuple[Tensor, Tensor]:
        """Equation 1 for all tracks at once.

        Args:
            shared: [1, C, h, w] of the new frame.
            starts: [N, 4] where each search starts, xyxy in continuous map coordinates.
            motion: "explicit" or "implicit".
            window_weight: lambda of equation 5, in [0, 1]; the implicit model has none.

        Returns:
            Boxes [N, 4] in map coordinates and their visibility [N] in [0, 1].
        """
        if motion == "implicit":
            visible, motions = self.implicit_motions(shared, templates.regions, starts)
            return moved(starts, motions), visible.sigmoid()
        visible, boxes = self.explicit_maps(shared, templates.targets, starts)
        window = cosine_window(self.explicit.places, self.spec.search / 2)
        found, visibility = decode(visible, boxes, window, window_weight)
        centre, size = centre_and_size(starts)
        return found * size.tile(2) + centre.tile(2), visibility


class ExplicitMotion(nn.Module):
    """The explicit motion model (section 3.3, figure 2).

    Every place of the response, R x R of them, is where the template lies wholly within the search
    region. ``places`` [R] are their middles along either axis, in units of the starting box.
    """

    places: Tensor

    def __init__(self, spec: SiamMOTSpec) -> None:
        super().__init__()
        response = round(spec.search * spec.template) - spec.template + 1
        places = (torch.arange(response) - (response - 1) / 2) / spec.template
        self.register_buffer("places", places, persistent=False)

        def layer() -> list[nn.Module]:
            return [
                nn.Conv2d(spec.channels, spec.channels, 3, padding=1),
                nn.GroupNorm(spec.groups, spec.channels),
                nn.ReLU(inplace=True),
            ]

        self.layers = nn.Sequential(*layer(), *layer())
        self.out = nn.Conv2d(spec.channels, 5, 3, padding=1)

    def forward(self, targets: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """The dense maps: visibility logits [N, R, R], and boxes xyxy [N, 4, R, R]."""
        maps = self.out(self.layers(correlate(regions, targets)))
        # An object that neither moved nor grew is half a box away in all four directions.
        sides = 0.5 * maps[:, 1:].clamp(-4, 4).exp()
        return maps[:, 0], boxes_of(sides, self.places)


class ImplicitMotion(nn.Module):
    """The implicit motion model: two layers over the same region in both frames (section 3.2)."""

    def __init__(self, spec: SiamMOTSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * spec.channels * spec.region**2, spec.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(spec.hidden, spec.hidden),
            nn.ReLU(inplace=True),
        )
        self.out = nn.Linear(spec.hidden, 5)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Visibility logits [N] and motions [N, 4] of equation 2."""
        values = self.out(self.layers(torch.cat((before.flatten(1), after.flatten(1)), dim=1)))
        return values[:, 0], values[:, 1:]


def correlate(regions: Tensor, targets: Tensor) -> Tensor:
    """Channel by channel, how well each template [N, C, t, t] fits into its region [N, C, s, s].

    Returns the mean product [N, C, s - t + 1, s - t + 1] wherever the template lies within.
    """
    n, c, side = targets.shape[:3]
    if n == 0:
        fits = regions.shape[-1] - side + 1
        return regions.new_zeros(0, c, fits, fits)
    kernels = targets.flatten(0, 1).unsqueeze(1) / side**2
    return F.conv2d(regions.flatten(0, 1)[None], kernels, groups=n * c)[0].unflatten(0, (n, c))


def boxes_of(sides: Tensor, places: Tensor) -> Tensor:
    """The boxes [N, 4, R, R] that lie ``sides`` (left, top, right, bottom) around the places (x, y)
    of a grid, ``places`` [R] along either axis (the transformation R of section 3.3)."""
    x, y = places.expand(len(places), -1), places[:, None].expand(-1, len(places))
    return torch.stack((x, y, x, y)) + sides * sides.new_tensor([-1, -1, 1, 1])[:, None, None]


def cosine_window(places: Tensor, reach: float) -> Tensor:
    """C of equation 5 [R, R]: 1 in the middle, 0 where either axis is at ``reach``."""
    along = (1 + torch.cos(math.pi * places / reach)) / 2
    return along[:, None] * along


def penalty(boxes: Tensor, window: Tensor, window_weight: float) -> Tensor:
    """Equation 5 [N, R, R] of boxes [N, 4, R, R] in units of the starting box."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    scale = torch.exp(-(width.log() ** 2 + height.log() ** 2) / (2 * SCALE_SIGMA**2))
    return window_weight * window + (1 - window_weight) * scale


def decode(
    visible: Tensor, boxes: Tensor, window: Tensor, window_weight: float
) -> tuple[Tensor, Tensor]:
    """Equation 4: the box [N, 4] and its visibility [N] where visibility times penalty is largest.

    Takes the dense maps of ``ExplicitMotion`` and the cosine window.
    """
    visibility = visible.sigmoid()
    best = (visibility * penalty(boxes, window, window_weight)).flatten(1).argmax(dim=1)
    row = torch.arange(len(best), device=best.device)
    return boxes.flatten(2)[row, :, best], visibility.flatten(1)[row, best]


def motion_between(starts: Tensor, boxes: Tensor) -> Tensor:
    """Equation 2 [N, 4]: by how many widths and heights, and by what logarithms of scale."""
    centre, size = centre_and_size(starts)
    later, later_size = centre_and_size(boxes)
    return torch.cat(((later - centre) / size, (later_size / size).log()), dim=1)


def moved(starts: Tensor, motions: Tensor) -> Tensor:
    """The boxes [N, 4] to which motions lead; the inverse of equation 2."""
    centre, size = centre_and_size(starts)
    centre = centre + motions[:, :2] * size
    half = size * motions[:, 2:].clamp(-4, 4).exp() / 2
    return torch.cat((centre - half, centre + half), dim=1)


def enlarged(boxes: Tensor, factor: float) -> Tensor:
    """Boxes [N, 4] with sides ``factor`` times as long around the same centres."""
    centre, size = centre_and_size(boxes)
    half = size * (factor / 2)
    return torch.cat((centre - half, centre + half), dim=1)


def centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes [N, 2] of boxes [N, 4] in map coordinates; sides count as 1 at least."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)


def _regions(
    shared: Tensor, boxes: Tensor, frame: Tensor | None, factor: float, bins: int, samples: int = 1
) -> Tensor:
    """Features [N, C, bins, bins] of boxes [N, 4] made ``factor`` times as large."""
    if frame is None:
        frame = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    return roi_align(shared, enlarged(boxes, factor), frame, (bins, bins), samples)
