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
    frame = _pixels_in_frame(target_heads, size_px or source.shape[-1])
    guided = _into_picture(_follow(frame, source_heads, target_heads), source_heads)
    still = _into_picture(frame, source_heads)
    return torch.cat([_sample(source, guided), _sample(source, still)], dim=1)


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


def _pixels_in_frame(heads: Heads, size_px: int) -> Tensor:
    """(N, S, S, 2): the frame position, in pixels, of each pixel centre of the pictures."""
    ticks = (torch.arange(size_px, device=heads.camera.device, dtype=heads.camera.dtype) + 0.5) / size_px
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    scale, shift = _scale_and_shift(heads)
    return torch.stack([x, y], dim=-1) * scale + shift


def _into_picture(frame: Tensor, heads: Heads) -> Tensor:
    """(N, S, S, 2) frame positions to shares of the picture's side."""
    scale, shift = _scale_and_shift(heads)
    return (frame - shift) / scale


def _scale_and_shift(heads: Heads) -> tuple[Tensor, Tensor]:
    scale = heads.frame_from_picture[:, (0, 1), (0, 1)]
    return scale[:, None, None], heads.frame_from_picture[:, None, None, :2, 2]


def _follow(frame: Tensor, source: Heads, target: Heads) -> Tensor:
    """Where in the source's frame to look for what the target shows at `frame`, (N, S, S, 2) to the same."""
    focal, principal = target.camera[:, None, None, :1], target.camera[:, None, None, 1:]
    ray = torch.cat([(frame - principal) / focal, torch.ones_like(frame[..., :1])], dim=-1)
    rotation, translation = target.camera_from_head[:, :, :3], target.camera_from_head[:, :, 3]
    centre, radii = frame.new_tensor(ELLIPSOID_CENTRE), frame.new_tensor(ELLIPSOID_RADII)
    origin = (-(translation[:, None] @ rotation)[:, 0] - centre) / radii  # the camera, in units of the ellipsoid
    direction = torch.einsum("nhwc,ncd->nhwd", ray, rotation) / radii
    a = direction.square().sum(-1)
    b = torch.einsum("nhwd,nd->nhw", direction, origin)
    c = (origin.square().sum(-1) - 1)[:, None, None]
    inside = b.square() / a - c  # 1 on the axis, 0 on the outline, negative outside: 1 - squared distance of the ray
    depth = (-b - (inside * a).clamp_min(0).sqrt()) / a
    surface = (origin[:, None, None] + direction * depth[..., None]) * radii + centre
    seen = torch.einsum("nhwd,ncd->nhwc", surface, source.camera_from_head[:, :, :3])
    seen = seen + source.camera_from_head[:, None, None, :, 3]
    focal, principal = source.camera[:, None, None, :1], source.camera[:, None, None, 1:]
    moved = seen[..., :2] / seen[..., 2:] * focal + principal
    share = (1 + inside / FADE).clamp(0, 1)[..., None]
    share = share.square() * (3 - 2 * share)
    return torch.lerp(frame, moved, share)


def _sample(image: Tensor, positions: Tensor) -> Tensor:
    """(N, 3, S, S) at positions (N, S, S, 2) in shares of the side; beyond the border it repeats the border."""
    return F.grid_sample(image, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False)
