"""Trains and measures the eye landmark network: what dlib finds, from pixels, with a gradient."""

import torch
from torch import Tensor

from talkedit.models.landmarks import EyeNet, eye_aspect_ratio, eye_places, eye_points
from talkedit.models.losses import blink
from talkedit.shards.windows import Batch
from talkedit.train.processes import ALONE, Processes

PLACE_NOISE = 0.03  # of the patch's width; dlib's corners are about as sure


def eye_loss(network: EyeNet, batch: Batch, generator: torch.Generator, processes: Processes = ALONE) -> Tensor:
    """Distance to dlib's points of the eyes, in units of the distance between the outer corners, and error of the EAR.

    It looks at the sources: frames from all over the clips, where those of a window are nearly equal, and often with
    shut eyes.

    The patches are placed a little wrong at random, so that the points are found where the eye is, not where the
    patch is. The eye aspect ratio counts by itself, because it is what openness is made of: with the points alone,
    the held-out openness was 0.048 from dlib's after as many steps that made it 0.042 with it (GRID).
    """
    truth = eye_points(batch.source_landmarks.flatten(0, 1))
    places = eye_places(truth)
    random = torch.randn(processes.n * len(places), *places.shape[1:], generator=generator)
    noise = processes.own_rows(random).to(places.device) * PLACE_NOISE
    found = network(batch.source.flatten(0, 1).float() / 255, places + places[..., 2:] * noise)
    return blink(found, truth) + (eye_aspect_ratio(found) - eye_aspect_ratio(truth)).abs().mean()


@torch.no_grad()
def eye_errors(network: EyeNet, batch: Batch, ear_closed: float, ear_open: float) -> dict[str, float]:
    """How far the network is from dlib on a batch that it did not see.

    Args:
        network: In evaluation mode.
        batch: Windows; it looks at the sources, as `eye_loss` does.
        ear_closed: Eye aspect ratio at openness 0, as the attributes stage took it.
        ear_open: And at 1.

    Returns:
        ``eye_error_px256``, mean distance of the points in pixels of a 256 px crop, and ``openness_error``, mean
        absolute, on the scale 0..1.
    """
    truth = eye_points(batch.source_landmarks.flatten(0, 1))
    found = network(batch.source.flatten(0, 1).float() / 255, eye_places(truth))
    openness = ((eye_aspect_ratio(found) - ear_closed) / (ear_open - ear_closed)).clamp(0, 1)
    return {
        "eye_error_px256": 256 * float(torch.linalg.vector_norm(found - truth, dim=-1).mean()),
        "openness_error": float((openness - batch.source_eye_openness.flatten()).abs().mean()),
    }
