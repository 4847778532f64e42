"""Attributes in their own units to the codes that the networks take, and the mask of what is drawn again."""

import torch
from torch import Tensor

POSE_UNIT_DEG = 15.0
MEL_RANGE = 4.0
CODE_ROWS = {"pose": 3, "emotion": 7, "blink": 1}


def make_codes(pose_deg: Tensor, emotion: Tensor, eye_openness: Tensor) -> dict[str, Tensor]:
    """Codes of order one, time last, as the paper has them.

    Args:
        pose_deg: (B, T, 3) yaw, pitch, roll in degrees.
        emotion: (B, T, 7) probabilities.
        eye_openness: (B, T), 0 closed to 1 open.

    Returns:
        ``pose`` (B, 3, T), ``emotion`` (B, 7, T), ``blink`` (B, 1, T), float32.
    """
    return {
        "pose": (pose_deg / POSE_UNIT_DEG).transpose(1, 2).float(),
        "emotion": emotion.transpose(1, 2).float(),
        "blink": (2 * eye_openness - 1).unsqueeze(1).float(),
    }


def draw_mask(image_px: int, box: tuple[float, float, float, float], device: torch.device | None = None) -> Tensor:
    """The box that is drawn again: (1, 1, px, px), 1 inside, 0 around it, where the picture is left to see.

    Args:
        image_px: Side of the picture.
        box: Left, top, right and bottom as shares of the side, 0..1; see `ModelParams.mask_box`.
        device: Where the mask is made.
    """
    left, top, right, bottom = (round(image_px * share) for share in box)
    mask = torch.zeros(1, 1, image_px, image_px, device=device)
    mask[..., top:bottom, left:right] = 1
    return mask
