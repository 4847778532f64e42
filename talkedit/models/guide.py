"""Turns the head of a source frame to another pose, with an ellipsoid for a head and no training.

For every pixel of the target, the ray from the camera under the target's pose meets the ellipsoid; that surface point
is looked up in the source under its own pose. Outside the head the lookup fades to the same place in the frame.
What an ellipsoid cannot know (hairline, the cheek that turns into view) is left to the generator.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.lids import move_lids

# The head's ellipsoid in the head's own axes (x right in the picture, y down, z away, about cm; see
# talkedit.face.pose): through temples, eyes, mouth corners and the crown.
ELLIPSOID_CENTRE = (0.0, -3.8, 3.0)
ELLIPSOID_RADII = (9.8, 13.5, 10.5)
# How far past the outline the head's motion fades out, in units of the ellipsoid (1 = its radius, squared distance).
FADE = 0.5


class Heads(NamedTuple):
    """Where N heads are, and how they are seen in square pictures.

    Attributes:
        camera_from_head: (N, 3, 4), rotation and translation.
        camera: (N, 3), focal length, x and y of the principal point, in frame pixels.
        frame_from_picture: (N, 3, 3), a scale and a shift; picture positions are shares of the side, 0..1.
    """

    camera_from_head: Tensor
    camera: Tensor
    frame_from_picture: Tensor


def guide(source: Tensor, source_heads: Heads, target_heads: Heads, size_px: int | None = None) -> Tensor:
    """Each source frame twice: its head turned to the target's pose, and as it is where the target's picture is.

    Args:
        source: (N, 3, S, S), 0..1.
        source_heads: The heads in `source`.
        target_heads: The heads as they are asked for, and the pictures to be made.
        size_px: P, side of the pictures to be made; the sources' unless given.

    Returns:
        (N, 6, P, P): guided, then still.
    """
    x, y = _pixels_in_frame(target_heads, size_px or source.shape[-1])
    guided = _follow(x, y, source_heads, target_heads)
    return torch.cat([_sample(source, *guided, source_heads), _sample(source, x, y, source_heads)], dim=1)


def guide_sources(
    source: Tensor,
    eyes: Tensor,
    openness: Tensor,
    asked_openness: Tensor,
    source_heads: Heads,
    target_heads: Heads,
    size_px: int | None = None,
) -> Tensor:
    """Source frames that already obey: lids moved as far as asked (`move_lids`), then the head turned (`guide`)."""
    return guide(move_lids(source, eyes, openness, asked_openness), source_heads, target_heads, size_px)


# Positions are two planes, x and y, and what is affine in them is never multiplied out pixel by pixel as a vector of
# three: on one core that takes a fifth of the time.


def _pixels_in_frame(heads: Heads, size_px: int) -> tuple[Tensor, Tensor]:
    """The frame position, in pixels, of each pixel centre of the pictures: x (N, 1, S) and y (N, S, 1)."""
    ticks = (torch.arange(size_px, device=heads.camera.device, dtype=heads.camera.dtype) + 0.5) / size_px
    (scale_x, shift_x), (scale_y, shift_y) = _scale_and_shift(heads)
    return ticks * scale_x + shift_x, ticks[:, None] * scale_y + shift_y


def _scale_and_shift(heads: Heads) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Of `frame_from_picture`, for x and for y; (N, 1, 1) each."""
    transform = heads.frame_from_picture[:, :, :, None, None]
    return (transform[:, 0, 0], transform[:, 0, 2]), (transform[:, 1, 1], transform[:, 1, 2])


def _follow(x: Tensor, y: Tensor, source: Heads, target: Heads) -> tuple[Tensor, Tensor]:
    """Where in the source's frame to look for what the target shows at x, y; (N, S, S) each."""
    rotation, translation = target.camera_from_head[:, :, :3], target.camera_from_head[:, :, 3:]
    centre, radii = x.new_tensor(ELLIPSOID_CENTRE)[:, None], x.new_tensor(ELLIPSOID_RADII)[:, None]
    # In units of the ellipsoid, where it is a sphere of radius 1: the camera, and the direction per (x, y, 1).
    origin = (-rotation.mT @ translation - centre) / radii
    rays = rotation.mT @ _ray_from_pixel(target.camera) / radii
    direction = [_affine(rays[:, axis], x, y) for axis in range(3)]
    a = direction[0].square() + direction[1].square() + direction[2].square()
    b = _affine((origin.mT @ rays)[:, 0], x, y)
    inside = b.square() / a - (origin.square().sum(1, keepdim=True) - 1)
    # `inside` is 1 on the axis, 0 on the outline, negative outside: 1 - squared distance of the ray.
    depth = (-b - (inside * a).clamp_min(0).sqrt()) / a
    # The same in the source camera's axes: where the target's camera is, and its rays.
    turn, shift = source.camera_from_head[:, :, :3], source.camera_from_head[:, :, 3:]
    camera, rays = turn @ (origin * radii + centre) + shift, turn @ (radii * rays)
    seen_x, seen_y, seen_z = (camera[:, axis, :, None] + depth * _affine(rays[:, axis], x, y) for axis in range(3))
    focal, principal_x, principal_y = source.camera[:, :, None, None].unbind(1)
    share = (1 + inside / FADE).clamp(0, 1)
    share = share.square() * (3 - 2 * share)
    scale = focal / seen_z
    return x + share * (seen_x * scale + principal_x - x), y + share * (seen_y * scale + principal_y - y)


def _ray_from_pixel(camera: Tensor) -> Tensor:
    """(N, 3, 3): the inverse of the pinhole camera's matrix."""
    focal, x, y = camera.unbind(1)
    zero, one = torch.zeros_like(focal), torch.ones_like(focal)
    rows = [one / focal, zero, -x / focal, zero, one / focal, -y / focal, zero, zero, one]
    return torch.stack(rows, dim=1).unflatten(1, (3, 3))


def _affine(coefficients: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N, S, S): ``c0 x + c1 y + c2`` for coefficients (N, 3), x (N, 1, S), y (N, S, 1)."""
    c0, c1, c2 = coefficients[:, :, None, None].unbind(1)
    return c0 * x + (c1 * y + c2)


def _sample(image: Tensor, x: Tensor, y: Tensor, heads: Heads) -> Tensor:
    """(N, 3, S, S), whose heads are `heads`, at frame positions; beyond the border it repeats the border."""
    (scale_x, shift_x), (scale_y, shift_y) = _scale_and_shift(heads)
    grid = torch.broadcast_tensors((x - shift_x) * (2 / scale_x) - 1, (y - shift_y) * (2 / scale_y) - 1)
    return F.grid_sample(image, torch.stack(grid, dim=-1), mode="bilinear", padding_mode="border", align_corners=False)
