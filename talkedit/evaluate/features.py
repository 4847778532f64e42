"""Networks that look at a video for the metrics: VGG-16's features, and dlib's descriptor of who it is."""

from typing import cast

import numpy as np
import torch

from talkedit.evaluate.footage import Video
from talkedit.face.identity import DESCRIPTOR, describe
from talkedit.models.losses import perceptual
from talkedit.models.perceptual import Vgg16Features
from talkedit.records import Doubles, Floats
from talkedit.shards.clips import shrink
from talkedit.train.vgg import load_vgg

NET = "vgg16_hed"
EVERY_N_FRAMES, PERCEPTUAL_PX = 12, 224
FID_PX, FID_FRAMES, BATCH = 112, 2500, 16


class Features:
    """VGG-16 with HED's weights."""

    def __init__(self) -> None:
        self._vgg = cast(Vgg16Features, load_vgg(NET))  # only the name "none" has no network

    @torch.inference_mode()
    def distance(self, seen: Video, truth: Video) -> float:
        """The perceptual distance of every twelfth frame; see `talkedit.models.losses.perceptual`."""
        pairs = zip(seen[::EVERY_N_FRAMES], truth[::EVERY_N_FRAMES], strict=True)
        distances = [perceptual(*(self._look(image[None], PERCEPTUAL_PX) for image in pair)) for pair in pairs]
        return float(torch.cat(distances).mean())

    @torch.inference_mode()
    def pooled(self, video: Video) -> Floats:
        """(T, 256): the means of relu3_3 over the picture, at 112 px."""
        parts = [self._look(video[at : at + BATCH], FID_PX)[-1].mean(dim=(2, 3)) for at in range(0, len(video), BATCH)]
        return torch.cat(parts).numpy()

    def _look(self, images: Video, side_px: int) -> list[torch.Tensor]:
        return self._vgg(torch.stack([shrink(image, side_px) for image in images]).float() / 255)


def describe_faces(video: Video, landmarks_px: Floats, every_n: int = EVERY_N_FRAMES) -> Doubles:
    """dlib's descriptors of who is in every n-th frame.

    Args:
        video: (T, S, S, 3).
        landmarks_px: (T, 68, 2) in it; NaN where there is no face.
        every_n: Frames from one that is looked at to the next.

    Returns:
        (T, 128), NaN in all other frames, and where there is no face.
    """
    who = np.full((len(video), DESCRIPTOR), np.nan)
    for at in range(0, len(video), every_n):
        if np.isfinite(landmarks_px[at]).all():
            who[at] = describe(video[at], landmarks_px[at])
    return who


def identity_distance(seen: Doubles, truth: Doubles) -> float:
    """How far the person drawn is from the real one: mean distance of descriptors; below about 0.6 the same.

    Args:
        seen: (T, 128), `describe_faces` of what was drawn.
        truth: (T, 128), of the real frames. Those of which either is NaN are left out; without any it is NaN.
    """
    distances = np.linalg.norm(seen - truth, axis=1)
    return float(np.nanmean(distances)) if np.isfinite(distances).any() else float("nan")
