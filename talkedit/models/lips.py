"""The mouth of a source frame, opened or closed by geometry, and how far speech opens it.

`LipNet` hears how far this person's lips are open; `move_lips` moves those of a source that far, with no training: the
lower lip and the chin go down and up, the upper lip a little, and what lies between them is stretched or squeezed. What
a shift of pixels cannot know (teeth, tongue) is left to the generator.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from talkedit.models.encoders import AudioEncoder

# dlib's indices.
CORNERS, INNER_LIPS, INNER_CORNERS, NOSE_BASE, CHIN = (48, 54), (62, 66), (60, 64), 33, 8
OUTER_EYE_CORNERS = (36, 45)
UPPER_LIP_SHARE = 0.15  # of a change of the opening; the lower lip, with the jaw, takes the rest
# Lips are moved by so much more than asked: of a smaller or larger opening made by geometry alone dlib reads 0.75 again
# (GRID; 0.93 with this, and errors of 0.009 rather than 0.014) or 0.67 (HDTF's Lieu; 0.73). Of the chin it reads all.
LIP_GAIN = 1.3
JAW_HALF_WIDTHS = 2.2  # as far to the side of the mouth's middle, in half widths of the mouth, the cheek goes along
NECK_PER_HALF_WIDTH = 1.6  # over so much below the chin its motion fades out
MIN_WIDTH = 1e-3  # share of the picture's side: points that fell together must not give positions that are no numbers


class Mouth(NamedTuple):
    """The mouth of N sources, and how far it should be open.

    Attributes:
        landmarks: (N, 68, 2), dlib's points, shares of the picture's side.
        asked: (N,), the opening, as `mouth_opening` measures it.
    """

    landmarks: Tensor
    asked: Tensor


class LipNet(nn.Module):
    """How far this person's lips are open, from the speech: mel windows (B, T, 80, 16) to (B, T), as `mouth_opening`.

    Args:
        width: Channels of the first convolution.
        dim: Size of the embedding before the answer.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.audio = AudioEncoder(width, dim)
        self.opening = nn.Sequential(nn.ReLU(), nn.Linear(dim, 1), nn.Softplus())

    def forward(self, mel: Tensor) -> Tensor:
        return self.opening(self.audio(mel).transpose(1, 2)).squeeze(2)


def mouth_opening(landmarks: Tensor) -> Tensor:
    """Distance of the inner lips in their middle over that of the outer eye corners: (..., 68, 2) to (...)."""
    upper, lower = (landmarks[..., index, :] for index in INNER_LIPS)
    right, left = (landmarks[..., index, :] for index in OUTER_EYE_CORNERS)
    eyes = torch.linalg.vector_norm(left - right, dim=-1).clamp_min(1e-6)
    return torch.linalg.vector_norm(upper - lower, dim=-1) / eyes


def about_mouth(mouth: Mouth) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with the lips, shares of the side."""
    points = mouth.landmarks[:, [*CORNERS, NOSE_BASE, CHIN]]
    width = torch.linalg.vector_norm(points[:, 1] - points[:, 0], dim=1, keepdim=True)
    eyes = mouth.landmarks[:, OUTER_EYE_CORNERS[1]] - mouth.landmarks[:, OUTER_EYE_CORNERS[0]]
    asked = mouth.asked[:, None] * torch.linalg.vector_norm(eyes, dim=1, keepdim=True)
    reach = JAW_HALF_WIDTHS * width / 2 + asked.abs()
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
    points = mouth.landmarks
    corners = [points[:, index] for index in CORNERS]
    centre, half = (corners[0] + corners[1]) / 2, (corners[1] - corners[0]) / 2
    half_width = torch.linalg.vector_norm(half, dim=1, keepdim=True).clamp_min(MIN_WIDTH)
    along = half / half_width
    up = torch.stack([along[:, 1], -along[:, 0]], dim=1)

    def height(index: int) -> Tensor:
        """Of a point over the line of the mouth's corners; (N, 1, 1)."""
        return ((points[:, index] - centre) * up).sum(1)[:, None, None]

    scale = half_width[:, :, None]
    inner = torch.linalg.vector_norm(points[:, INNER_CORNERS[1]] - points[:, INNER_CORNERS[0]], dim=1)
    inner = inner[:, None, None].clamp_min(MIN_WIDTH)
    eyes = points[:, OUTER_EYE_CORNERS[1]] - points[:, OUTER_EYE_CORNERS[0]]
    asked = (mouth.asked * torch.linalg.vector_norm(eyes, dim=1))[:, None, None].clamp_min(0)
    upper, lower = height(INNER_LIPS[0]), height(INNER_LIPS[1])
    opening = (upper - lower).clamp_min(0)
    change = asked - opening

    along_x, along_y = along[:, :, None, None].unbind(1)
    up_x, up_y = up[:, :, None, None].unbind(1)
    centre_x, centre_y = centre[:, :, None, None].unbind(1)
    u = (x - centre_x) * along_x + (y - centre_y) * along_y
    v = (x - centre_x) * up_x + (y - centre_y) * up_y
    lips = (1 - (2 * u / inner).square()).clamp_min(0)  # how far the lips take part: all in the middle, not the corners
    jaw = (1 - (u / (JAW_HALF_WIDTHS * scale)).square()).clamp_min(0).square()
    # Where the inner lips are once they have moved, and how far each has moved there.
    lip_change = torch.maximum(LIP_GAIN * change, -opening)
    upper_lift, lower_drop = UPPER_LIP_SHARE * lip_change * lips, (1 - UPPER_LIP_SHARE) * lip_change * lips
    upper_lip, lower_lip = upper * lips + upper_lift, lower * lips - lower_drop
    chin = height(CHIN) - (1 - UPPER_LIP_SHARE) * change
    nose = height(NOSE_BASE)
    # Above: the lift fades out up to the nose. Below: from the lip's drop to the jaw's, which ends below the chin.
    above = -upper_lift * ((nose - v) / (nose - upper_lip).clamp_min(0.1 * scale)).clamp(0, 1)
    to_chin = ((lower_lip - v) / (lower_lip - chin).clamp_min(0.1 * scale)).clamp(0, 1)
    to_neck = (1 - (chin - v) / (NECK_PER_HALF_WIDTH * scale)).clamp(0, 1)
    below = torch.lerp(lower_drop, (1 - UPPER_LIP_SHARE) * change * jaw, to_chin) * to_neck
    # Between the lips what was between them: from the lower lip up, stretched alike.
    span = (upper_lip - lower_lip).clamp_min(1e-6)
    between = torch.lerp(lower_drop, -upper_lift, ((v - lower_lip) / span).clamp(0, 1))
    moved = torch.where(v > upper_lip, above, torch.where(v < lower_lip, below, between))
    return moved * up_x, moved * up_y
