"""Source frames that already obey: head, lids, lips and expression moved as is asked, by geometry, with no training.

The head is an ellipsoid. For every pixel of the target, the ray from the camera under the target's pose meets the
ellipsoid; that surface point is looked up in the source under its own pose. Outside the head the lookup fades to the
same place in the frame. Lids, lips and expression are moved in the source (`talkedit.models.lids`,
`talkedit.models.lips`, `talkedit.models.expressions`). What all this cannot know (hairline, the cheek that turns into
view, teeth) is left to the generator.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.expressions import Expression, about_face, move_face
from talkedit.models.heads import Heads
from talkedit.models.lids import Eyes, about_eyes, move_lids, near_eyes
from talkedit.models.lips import Mouth, about_mouth, move_lips

# The head's ellipsoid in the head's own axes (x right in the picture, y down, z away, about cm; see
# talkedit.face.pose): through temples, eyes, mouth corners and the crown.
ELLIPSOID_CENTRE = (0.0, -3.8, 3.0)
ELLIPSOID_RADII = (9.8, 13.5, 10.5)
# What stands out of the ellipsoid, or lies deeper: middle x, y, height, deviation in x and y, all in cm. Least squares
# to the points of talkedit.face.pose, eyes and brows halved (that head is made deeper than heads are), then all 1.3
# times as high: in training frames of GRID, Lieu, the sample and others a witness found 0.71, 0.96, 0.89, 0.92 of the
# pitch asked for without that factor, 0.77, 1.04, 0.96 and 0.97 with it, and 1.5 squeezes eyes and brows. Without any
# relief a face turns like a ball.
RELIEF = (
    ("nose", 0.0, -2.3, 2.1, 1.0, 1.6),
    ("right eye", -3.4, -4.8, -2.0, 1.8, 1.1),
    ("left eye", 3.4, -4.8, -2.0, 1.8, 1.1),
    ("right brow", -3.5, -7.6, 1.2, 3.2, 1.2),
    ("left brow", 3.5, -7.6, 1.2, 3.2, 1.2),
    ("lips", 0.0, 2.8, 1.0, 2.2, 1.6),
    ("chin", 0.0, 7.4, 2.6, 2.5, 2.0),
)
RELIEF_PX, RELIEF_HALF_CM = 64, 16.0  # the map of it: a square about the ellipsoid's centre
RELIEF_ROUNDS = 2  # a ray meets the relief where the relief is, not where the ellipsoid was
# How far past the outline the head's motion fades out, in units of the ellipsoid (1 = its radius, squared distance).
FADE = 0.5
# From here inwards, in the same units, what is shown is the head: the outline is not exactly a person's, nor is hair.
SURE_FROM, SURE_SLOPE = 0.25, 4.0
# Lids and lips are moved where they are, which is found on every so many-th pixel; a step between these, in which the
# picture is magnified a few times at most, is the margin.
COARSE_PX, MOST_MAGNIFIED = 8, 3


class Sources(NamedTuple):
    """N source pictures, and where in them to look for what each pixel of N other pictures shows.

    A picture that obeys is looked up once, whatever moves in it: every lookup blurs.

    Attributes:
        pictures: (N, 3, S, S), 0..1.
        guided: (N, 2, P, P), x and y, -1..1 over the side: lids and lips moved and the head turned as asked.
        still: (N, 2, P, P), the same place in the frame: right for all that does not move with the head. None: that is
            the picture as it is.
        head: (N, 1, P, P), 0..1: where the turned head surely is, and so the still picture surely wrong.
        eyes: Likewise, where its eyes and lids are; 0 if nobody said.
    """

    pictures: Tensor
    guided: Tensor
    still: Tensor | None
    head: Tensor
    eyes: Tensor

    def layers(self) -> Tensor:
        """(N, 6, P, P): guided, then still."""
        return torch.cat([look_up(self.pictures, self.guided), self.still_pictures()], dim=1)

    def still_pictures(self) -> Tensor:
        """(N, 3, P, P), looked up at `still`."""
        return self.pictures if self.still is None else look_up(self.pictures, self.still)


def look_up(pictures: Tensor, positions: Tensor) -> Tensor:
    """(N, 3, S, S) at positions (N, 2, P, P), -1..1: (N, 3, P, P); beyond the border it repeats the border.

    Cubic: of what a held-out clip has of detail (HDTF's Lieu) it leaves 0.90, where bilinear leaves 0.76.
    """
    grid = positions.permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=False)


def guide(
    pictures: Tensor,
    source_heads: Heads,
    target_heads: Heads,
    size_px: int | None = None,
    eyes: Eyes | None = None,
    mouth: Mouth | None = None,
    expression: Expression | None = None,
) -> Sources:
    """Where to look for heads that are turned, eyes and lips opened or closed, expressions changed as asked.

    Args:
        pictures: (N, 3, S, S), 0..1.
        source_heads: The heads in them.
        target_heads: The heads as they are asked for, and the pictures to be made. Where they are `source_heads`
            themselves, or share their tensor `frame_from_picture`, what follows from that is not worked out.
        size_px: P, side of the pictures to be made; the sources' unless given.
        eyes: The eyes in `pictures`, and how far to open them: not at all where `asked` is `openness` itself.
        mouth: The mouth in them, and the shape it is to have; None leaves it as it is.
        expression: The face in them, and how its expression is to change; likewise.
    """
    size_px = size_px or pictures.shape[-1]
    x, y = _pixels_in_frame(target_heads, size_px)
    frame_x, frame_y = torch.broadcast_tensors(x, y)
    still = _frame_to_picture(frame_x, frame_y, source_heads)
    if target_heads is source_heads:
        guided, inside = still, _Rays(x, y, target_heads).inside
    else:
        followed_x, followed_y, inside = _follow(x, y, source_heads, target_heads)
        guided = _frame_to_picture(followed_x, followed_y, source_heads)
    parts: list[tuple[_Part, _Move]] = []
    on_eyes = torch.zeros_like(inside)
    if eyes:
        part = _part(guided, about_eyes(eyes))
        on_eyes[part] = near_eyes(guided[0][part], guided[1][part], eyes)
        if eyes.asked is not eyes.openness:
            parts.append((part, lambda x, y: move_lids(x, y, eyes)))
    if mouth:
        parts.append((_part(guided, about_mouth(mouth)), lambda x, y: move_lips(x, y, mouth)))
    if expression:
        parts.append((_part(guided, about_face(expression)), lambda x, y: move_face(x, y, expression)))
    shifts = [(part, move(*(axis[part] for axis in guided))) for part, move in parts]
    if shifts:
        guided = guided[0].clone(), guided[1].clone()
    for part, shift in shifts:
        for axis, moved in zip(guided, shift, strict=True):
            axis[part] += moved
    head = ((inside - SURE_FROM) / (1 - SURE_FROM) * SURE_SLOPE).clamp(0, 1)[:, None]
    same_place = target_heads.frame_from_picture is source_heads.frame_from_picture
    unmoved = same_place and size_px == pictures.shape[-1]
    return Sources(pictures, _look_at(guided), None if unmoved else _look_at(still), head, on_eyes[:, None])


# Positions are two planes, x and y, and what is affine in them is never multiplied out pixel by pixel as a vector of
# three: on one core that takes a fifth of the time.


_Move = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
_Part = tuple[slice, slice, slice]


def _part(positions: tuple[Tensor, Tensor], boxes: Tensor) -> _Part:
    """The rows and columns of positions (N, P, P), shares of the side, outside of which none is in a box.

    Args:
        positions: x and y.
        boxes: (N, 4): left, top, right, bottom, shares of the side.
    """
    size_px, everything = positions[0].shape[-1], slice(None)
    if positions[0].device.type != "cpu":  # where asking for numbers takes longer than moving all
        return everything, everything, everything
    margin = MOST_MAGNIFIED * COARSE_PX / size_px
    x, y = (axis[:, ::COARSE_PX, ::COARSE_PX] for axis in positions)
    left, top, right, bottom = boxes[:, :, None, None].unbind(1)
    near = (x > left - margin) & (x < right + margin) & (y > top - margin) & (y < bottom + margin)
    rows, columns = (_around(near.any(dim=0).any(dim=other)) for other in (1, 0))
    return everything, rows, columns


def _around(chosen: Tensor) -> slice:
    """The pixels about the coarse ones that are chosen."""
    at = chosen.nonzero()
    if not len(at):
        return slice(0, 0)
    return slice(max(int(at[0]) - 1, 0) * COARSE_PX, (int(at[-1]) + 1) * COARSE_PX + 1)


def _look_at(shares: tuple[Tensor, Tensor]) -> Tensor:
    """Shares of the side, x and y, as `look_up` takes them."""
    return torch.stack(shares, dim=1) * 2 - 1


def _pixels_in_frame(heads: Heads, size_px: int) -> tuple[Tensor, Tensor]:
    """The frame position, in pixels, of each pixel centre of the pictures: x (N, 1, S) and y (N, S, 1)."""
    ticks = (torch.arange(size_px, device=heads.camera.device, dtype=heads.camera.dtype) + 0.5) / size_px
    (scale_x, shift_x), (scale_y, shift_y) = _scale_and_shift(heads)
    return ticks * scale_x + shift_x, ticks[:, None] * scale_y + shift_y


def _scale_and_shift(heads: Heads) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Of `frame_from_picture`, for x and for y; (N, 1, 1) each."""
    transform = heads.frame_from_picture[:, :, :, None, None]
    return (transform[:, 0, 0], transform[:, 0, 2]), (transform[:, 1, 1], transform[:, 1, 2])


class _Rays:
    """The camera's rays through the pixels at x, y and the ellipsoid, in whose units it is a sphere of radius 1.

    Attributes:
        origin: (N, 3, 1), where the camera is.
        rays: (N, 3, 3), direction per (x, y, 1).
        square: (N, S, S), squared length of the directions.
        towards: (N, S, S), how far they lead away from the middle.
        inside: (N, S, S), 1 on the ellipsoid's axis, 0 on its outline, negative outside: 1 - squared distance.
    """

    def __init__(self, x: Tensor, y: Tensor, heads: Heads) -> None:
        rotation, translation = heads.camera_from_head[:, :, :3], heads.camera_from_head[:, :, 3:]
        self.centre, self.radii = (x.new_tensor(part)[:, None] for part in (ELLIPSOID_CENTRE, ELLIPSOID_RADII))
        self.origin = (-rotation.mT @ translation - self.centre) / self.radii
        self.rays = rotation.mT @ _ray_from_pixel(heads.camera) / self.radii
        direction = [_affine(self.rays[:, axis], x, y) for axis in range(3)]
        self.square = direction[0].square() + direction[1].square() + direction[2].square()
        self.towards = _affine((self.origin.mT @ self.rays)[:, 0], x, y)
        self.inside = self.towards.square() / self.square - (self.origin.square().sum(1, keepdim=True) - 1)


def _follow(x: Tensor, y: Tensor, source: Heads, target: Heads) -> tuple[Tensor, Tensor, Tensor]:
    """Where in the source's frame to look for what the target shows at x, y, and how far inside the head that is.

    Returns:
        x, y, and 1 on the ellipsoid's axis, 0 on its outline, negative outside; (N, S, S) each.
    """
    through = _Rays(x, y, target)
    inside, radii = through.inside, through.radii
    origin, rays = through.origin * radii, through.rays * radii  # in cm
    depth = (-through.towards - (inside * through.square).clamp_min(0).sqrt()) / through.square
    depth = _onto_relief(depth, origin, rays, x, y, inside)
    # The same in the source camera's axes: where the target's camera is, and its rays.
    turn, shift = source.camera_from_head[:, :, :3], source.camera_from_head[:, :, 3:]
    camera, rays = turn @ (origin + through.centre) + shift, turn @ rays
    seen_x, seen_y, seen_z = (camera[:, axis, :, None] + depth * _affine(rays[:, axis], x, y) for axis in range(3))
    focal, principal_x, principal_y = source.camera[:, :, None, None].unbind(1)
    share = (1 + inside / FADE).clamp(0, 1)
    share = share.square() * (3 - 2 * share)
    scale = focal / seen_z
    return x + share * (seen_x * scale + principal_x - x), y + share * (seen_y * scale + principal_y - y), inside


def _onto_relief(depth: Tensor, origin: Tensor, rays: Tensor, x: Tensor, y: Tensor, inside: Tensor) -> Tensor:
    """The depths (N, S, S) at which rays from `origin` (N, 3, 1), about the ellipsoid's centre, meet the relief."""
    across, down, away = (_affine(rays[:, axis], x, y) for axis in range(3))
    relief = _relief(x.device, x.dtype).expand(len(depth), 1, -1, -1)
    reach = (inside * 4).clamp(0, 1) / away  # towards the outline, where rays graze the head, it fades out
    met = depth
    for _ in range(RELIEF_ROUNDS):
        at = torch.stack([origin[:, 0, :, None] + met * across, origin[:, 1, :, None] + met * down], dim=-1)
        met = depth - reach * F.grid_sample(relief, at / RELIEF_HALF_CM, align_corners=False)[:, 0]
    return met


@cache
def _relief(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The heights over the ellipsoid, in cm: (1, 1, RELIEF_PX, RELIEF_PX)."""
    ticks = ((torch.arange(RELIEF_PX, device=device, dtype=dtype) + 0.5) / RELIEF_PX * 2 - 1) * RELIEF_HALF_CM
    x, y = ticks + ELLIPSOID_CENTRE[0], ticks[:, None] + ELLIPSOID_CENTRE[1]
    bumps = [
        height * torch.exp(-((x - middle_x) / wide).square() / 2 - ((y - middle_y) / high).square() / 2)
        for _, middle_x, middle_y, height, wide, high in RELIEF
    ]
    return torch.stack(bumps).sum(dim=0)[None, None]


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


def _frame_to_picture(x: Tensor, y: Tensor, heads: Heads) -> tuple[Tensor, Tensor]:
    """Frame positions, in pixels, as shares of the side of the pictures whose heads are `heads`."""
    (scale_x, shift_x), (scale_y, shift_y) = _scale_and_shift(heads)
    return (x - shift_x) / scale_x, (y - shift_y) / scale_y
