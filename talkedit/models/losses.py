"""The generator's losses, each by its name: ``total = l1 + lambda_v v + lambda_s s + lambda_b b + lambda_g g``.

Source: "Free-View Expressive Talking Head Video Editing", equation of L_total; v is the perceptual, s the sync, b the
blink term. g is not the paper's: the image discriminator's term (Goodfellow et al. 2014), which brings back what L1
averages away.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from talkedit.params import Section

FEATURES = ((36, 42), (42, 48), (48, 68))  # dlib's indices of both eyes and the mouth
LEAST_REACH = 0.01  # share of the side: an eye seen from beside it, whose points nearly coincide, still has a place


class LossParams(Section):
    """What the generator is trained on."""

    section: ClassVar[str] = "loss"
    lambda_v: float = Field(ge=0, description="weight of the perceptual term")
    lambda_s: float = Field(ge=0, description="weight of the sync term (audio, pose and emotion)")
    lambda_b: float = Field(ge=0, description="weight of the blink term; without model.attributes' blink no such")
    lambda_g: float = Field(ge=0, description="weight of the image discriminator's term; 0, as in the paper: no such")
    perceptual_net: Literal["vgg16_imagenet", "vgg16_hed", "none"] = Field(
        description="whose features the perceptual term compares; never chosen by what can be reached"
    )
    perceptual_share: float = Field(gt=0, le=1, description="share of the frames that the perceptual term looks at")
    ring_weight: float = Field(ge=0, le=1, description="weight of L1 outside the mask, where inside it is 1")
    features_weight: float = Field(ge=1, description="weight of L1 about the middle of eyes and mouth, likewise")
    ramp_start_step: int = Field(ge=0, description="step at which sync, blink and image discriminator begin to count")
    ramp_steps: int = Field(gt=0, description="steps over which they rise to their full weight")


def ramp(step: int, params: LossParams) -> float:
    """How much the sync, blink and image discriminator's terms count at `step`: 0 at first, then rising to 1."""
    return min(max((step - params.ramp_start_step) / params.ramp_steps, 0.0), 1.0)


def total(terms: dict[str, Tensor], params: LossParams, step: int) -> Tensor:
    """The weighted sum of the terms ``l1``, ``v``, ``s``, ``b`` and ``g``; the last three are ramped in."""
    share = ramp(step, params)
    return (
        terms["l1"]
        + params.lambda_v * terms["v"]
        + share * params.lambda_s * terms["s"]
        + share * params.lambda_b * terms["b"]
        + share * params.lambda_g * terms["g"]
    )


def l1(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference, weighted within each picture; all pictures count alike, however they are shared out.

    Args:
        prediction: (N, 3, px, px), 0..1.
        truth: Likewise.
        weight: (N or 1, 1, px, px), as `l1_weight` makes it.
    """
    weight = weight.expand_as(truth)
    return (((prediction - truth).abs() * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))).mean()


def l1_weight(mask: Tensor, landmarks: Tensor, params: LossParams) -> Tensor:
    """What a difference counts: 1 in the mask, more about eyes and mouth, less outside.

    Args:
        mask: (1, 1, px, px), 1 where the head is drawn.
        landmarks: (N, 68, 2), dlib's points in the truth, shares of the side.
        params: The weights.

    Returns:
        (N, 1, px, px).
    """
    ticks = (torch.arange(mask.shape[-1], device=mask.device) + 0.5) / mask.shape[-1]
    near = mask.new_zeros(len(landmarks), *mask.shape[-2:])
    for points in (landmarks[:, first:end] for first, end in FEATURES):
        x, y = points.mean(dim=1).unbind(dim=1)
        wide = points[..., 0].amax(dim=1) - points[..., 0].amin(dim=1)
        reach = (wide / 2).clamp_min(LEAST_REACH)
        squared = (ticks - x[:, None])[:, None, :].square() + (ticks - y[:, None])[:, :, None].square()
        near = torch.maximum(near, torch.exp(-squared / (2 * reach.square()[:, None, None])))
    return mask * (1 + (params.features_weight - 1) * near[:, None]) + params.ring_weight * (1 - mask)


def perceptual(prediction: list[Tensor], truth: list[Tensor]) -> Tensor:
    """(N,), of each picture: mean over layers of the features' mean absolute difference, relative to the truth's mean.

    Args:
        prediction: A layer each, (N, C, h, w).
        truth: Likewise.
    """
    of = (1, 2, 3)
    ratios = [(p - t).abs().mean(of) / t.abs().mean(of).clamp_min(1e-6) for p, t in zip(prediction, truth, strict=True)]
    return torch.stack(ratios).mean(dim=0)


def sync(distances: dict[str, Tensor]) -> Tensor:
    """L_audio + L_pose + L_emotion: the mean squared distance (B,) of each term, summed."""
    return torch.stack([distance.mean() for distance in distances.values()]).sum()


def blink(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean distance between the eyes' landmarks, in units of the distance between the outer eye corners.

    Args:
        prediction: (N, 2, 6, 2) points of both eyes in generated frames, from a network that passes gradients.
        truth: (N, 2, 6, 2) points in the target frames.
    """
    unit = torch.linalg.vector_norm(truth[:, 0, 0] - truth[:, 1, 3], dim=-1)[:, None, None].clamp_min(1e-6)
    return (torch.linalg.vector_norm(prediction - truth, dim=-1) / unit).mean()


def realism(drawn: Tensor) -> Tensor:
    """g: what it costs that drawn pictures are taken for drawn, -log p(real); from logits of any shape."""
    return F.softplus(-drawn).mean()


def tell_apart(real: Tensor, drawn: Tensor) -> Tensor:
    """The image discriminator's own loss: mean binary cross-entropy of its logits of real and of drawn pictures."""
    return (F.softplus(-real).mean() + F.softplus(drawn).mean()) / 2
