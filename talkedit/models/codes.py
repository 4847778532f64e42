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


def draw_mask(image_px: int, mask_share: float, device: torch.device | None = None) -> Tensor:
    """The central square that is drawn again: (1, 1, px, px), 1 inside, 0 in the ring that is left to see.

    Args:
        image_px: Side of the picture.
        mask_share: Side of the square as a share of the picture's, 0..1; the paper's is 0.75.
        device: Where the mask is made.
    """
    ring_px = round(image_px * (1 - mask_share) / 2)
    mask = torch.zeros(1, 1, image_px, image_px, device=device)
    mask[..., ring_px : image_px - ring_px, ring_px : image_px - ring_px] = 1
    return mask
