"""The mouth of a source frame, opened and drawn wide by geometry, and how speech shapes it.

`LipNet` hears how far this person's lips are open and how wide they are; `move_lips` moves those of a source that far,
with no training: the lower lip and the chin go down and up, the upper lip a little, and what lies between them is
stretched or squeezed; corners go out and in. What a shift of pixels cannot know (teeth, tongue) is left to the
generator.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from talkedit.models.encoders import MEL_BINS, MEL_STEPS

# dlib's indices.
CORNERS, INNER_LIPS, OUTER_LIPS, INNER_CORNERS, NOSE_BASE, CHIN = (48, 54), (62, 66), (51, 57), (60, 64), 33, 8
OUTER_EYE_CORNERS = (36, 45)
UPPER_LIP_SHARE = 0.15  # of a change of the opening; the lower lip, with the jaw, takes the rest
# Lips are moved by so much more than asked: of a smaller or larger opening made by geometry alone dlib reads 0.75 again
# (GRID; 0.91 with this) or 0.67 (HDTF's Lieu; 0.72). Of the chin it reads all.
LIP_GAIN = 1.3
WIDTH_GAIN = 1.5  # likewise: of a narrower or wider mouth dlib reads 0.64 and 0.71 again, with this 0.97 and 1.08
MOST_WIDENED = 0.5  # share of its own width by which a mouth is made wider or narrower at most
JAW_HALF_WIDTHS = 2.2  # as far to the side of the mouth's middle, in half widths of the mouth, the cheek goes along
NECK_PER_HALF_WIDTH = 1.6  # over so much below the chin its motion fades out
MIN_WIDTH = 1e-3  # share of the picture's side: points that fell together must not give positions that are no numbers
LIP_SHAPE = ("opening", "width")


class Mouth(NamedTuple):
    """The mouth of N sources, and the shape that it should have.

    Attributes:
        landmarks: (N, 68, 2), dlib's points, shares of the picture's side.
        asked: (N, 2), opening and width, as `lip_shape` measures them.
    """

    landmarks: Tensor
    asked: Tensor


class LipNet(nn.Module):
    """The shape of this person's lips, from the speech: mel windows (B, T, 80, 16) to (B, T, 2), as `lip_shape`.

    Convolutions run along time alone: one voice has its sounds at its own frequencies. A window of 0.6 s is learnt by
    heart where there are seconds of speech, and gains little by 37 minutes (docs/results.md).

    Args:
        width: Channels of the convolutions.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_heard(MEL_BINS, width),
            *_heard(width, width),
            nn.MaxPool1d(2),
            *_heard(width, width),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(width * MEL_STEPS // 4, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, len(LIP_SHAPE)),
            nn.Softplus(),
        )

    def forward(self, mel: Tensor) -> Tensor:
        return self.layers(mel.flatten(0, 1)).unflatten(0, mel.shape[:2])


def _heard(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(inplace=True)


def lip_shape(landmarks: Tensor) -> Tensor:
    """Opening and width: (..., 68, 2) to (..., 2).

    The distances of the inner lips in their middle and of the mouth's corners, over that of the outer eye corners.
    """
    opening, width, eyes = (_distance(landmarks, pair) for pair in (INNER_LIPS, CORNERS, OUTER_EYE_CORNERS))
    return torch.stack([opening, width], dim=-1) / eyes.clamp_min(1e-6)[..., None]


def about_mouth(mouth: Mouth) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with the lips, shares of the side."""
    points = mouth.landmarks[:, [*CORNERS, NOSE_BASE, CHIN]]
    width = _distance(mouth.landmarks, CORNERS)[:, None]
    opening = mouth.asked[:, 0] * _distance(mouth.landmarks, OUTER_EYE_CORNERS)
    reach = JAW_HALF_WIDTHS * width / 2 + opening[:, None].abs()
    return torch.cat([points.amin(dim=1) - reach, points.amax(dim=1) + reach], dim=1)


def move_lips(x: Tensor, y: Tensor, mouth: Mouth) -> tuple[Tensor, Tensor]:
    """How far from each position to look for what is shown there once the lips have moved.

    Args:
        x: (N, P, P), positions in the pictures, shares of the side.
        y: Likewise.
        mouth: What is asked.

    Returns:
        The shifts in x and y, (N, P, P) each; 0 where the mouth is as asked, above the nose and below the neck.
    """
    face = _Face(x, y, mouth.landmarks)
    asked = mouth.asked * _distance(mouth.landmarks, OUTER_EYE_CORNERS)[:, None]
    opening, width = asked[:, :, None, None].unbind(1)
    wider = 1 + (WIDTH_GAIN * (width / (2 * face.half_width) - 1)).clamp(-MOST_WIDENED, MOST_WIDENED)
    up_by = _opened(face, opening.clamp_min(0), wider)
    along_by = _widened(face, face.v + up_by, wider)
    return face.turned_back(along_by, up_by)


class _Face:
    """Positions as the mouth sees them: N mouths, positions (N, P, P).

    Attributes:
        u: Along the line of the mouth's corners, from its middle, shares of the picture's side.
        v: Likewise up from that line.
        half_width: Of the mouth, (N, 1, 1).
        inner: Distance of the inner corners, (N, 1, 1).
    """

    def __init__(self, x: Tensor, y: Tensor, landmarks: Tensor) -> None:
        right, left = (landmarks[:, index] for index in CORNERS)
        self._landmarks, self._centre, half = landmarks, (right + left) / 2, (left - right) / 2
        half_width = torch.linalg.vector_norm(half, dim=1, keepdim=True).clamp_min(MIN_WIDTH)
        along = half / half_width
        self._up = torch.stack([along[:, 1], -along[:, 0]], dim=1)
        self._axes = [part for axis in (along, self._up) for part in axis[:, :, None, None].unbind(1)]
        along_x, along_y, up_x, up_y = self._axes
        centre_x, centre_y = self._centre[:, :, None, None].unbind(1)
        self.u = (x - centre_x) * along_x + (y - centre_y) * along_y
        self.v = (x - centre_x) * up_x + (y - centre_y) * up_y
        self.half_width = half_width[:, :, None]
        self.inner = _distance(landmarks, INNER_CORNERS)[:, None, None].clamp_min(MIN_WIDTH)

    def height(self, index: int) -> Tensor:
        """Of a landmark over the line of the mouth's corners; (N, 1, 1)."""
        return ((self._landmarks[:, index] - self._centre) * self._up).sum(1)[:, None, None]

    def turned_back(self, along: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """Shifts along and up, as shifts in x and y."""
        along_x, along_y, up_x, up_y = self._axes
        return along * along_x + up * up_x, along * along_y + up * up_y

    def faded(self, v: Tensor, edge: Tensor, end: Tensor) -> Tensor:
        """1 at the height of the edge, 0 at the end and beyond it."""
        way = edge - end
        least = 0.1 * self.half_width
        return ((v - end) / torch.where(way < 0, way.clamp_max(-least), way.clamp_min(least))).clamp(0, 1)


def _opened(face: _Face, asked: Tensor, wider: Tensor) -> Tensor:
    """How far above each position to look, (N, P, P), for the opening that is asked, (N, 1, 1), of the wider mouth."""
    u, v = face.u, face.v
    upper, lower = (face.height(index) for index in INNER_LIPS)
    opening = (upper - lower).clamp_min(0)
    change = asked - opening
    # How far the lips take part: all in the middle, not the corners.
    lips = (1 - (2 * u / (wider * face.inner)).square()).clamp_min(0)
    jaw = (1 - (u / (JAW_HALF_WIDTHS * face.half_width)).square()).clamp_min(0).square()
    # Where the inner lips are once they have moved, and how far each has moved there.
    lip_change = torch.maximum(LIP_GAIN * change, -opening)
    upper_lift, lower_drop = UPPER_LIP_SHARE * lip_change * lips, (1 - UPPER_LIP_SHARE) * lip_change * lips
    upper_lip, lower_lip = upper * lips + upper_lift, lower * lips - lower_drop
    chin = face.height(CHIN) - (1 - UPPER_LIP_SHARE) * change
    # Above: the lift fades out up to the nose. Below: from the lip's drop to the jaw's, which ends below the chin.
    above = -upper_lift * face.faded(v, upper_lip, face.height(NOSE_BASE))
    to_lip = face.faded(v, lower_lip, chin)
    to_neck = face.faded(v, chin, chin - NECK_PER_HALF_WIDTH * face.half_width)
    below = torch.lerp((1 - UPPER_LIP_SHARE) * change * jaw, lower_drop, to_lip) * to_neck
    # Between the lips what was between them: from the lower lip up, stretched alike.
    span = (upper_lip - lower_lip).clamp_min(1e-6)
    between = torch.lerp(lower_drop, -upper_lift, ((v - lower_lip) / span).clamp(0, 1))
    return torch.where(v > upper_lip, above, torch.where(v < lower_lip, below, between))


def _widened(face: _Face, v: Tensor, wider: Tensor) -> Tensor:
    """How far along to look, (N, P, P), at heights `v` of the source, for a mouth so many times as wide, (N, 1, 1)."""
    out, far = face.u.abs(), JAW_HALF_WIDTHS * face.half_width
    # All between the corners is stretched alike; the cheeks beside them give way, up to where they do not move.
    given = (wider - 1) / (JAW_HALF_WIDTHS - wider)
    moved = torch.where(out < wider * face.half_width, out * (1 / wider - 1), -given * (far - out).clamp_min(0))
    (top, bottom), chin, nose = (face.height(index) for index in OUTER_LIPS), face.height(CHIN), face.height(NOSE_BASE)
    return moved * face.u.sign() * face.faded(v, top, nose) * face.faded(v, bottom, chin)


def _distance(points: Tensor, pair: tuple[int, int]) -> Tensor:
    """Of two points: (..., 68, 2) to (...)."""
    return torch.linalg.vector_norm(points[..., pair[1], :] - points[..., pair[0], :], dim=-1)
