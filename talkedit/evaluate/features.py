"""Networks that look at a video for the metrics: VGG-16's features, and dlib's descriptor of who it is."""

from typing import cast

import numpy as np
import torch

from talkedit.evaluate.tools import Video
from talkedit.face.choose import describe
from talkedit.models.losses import perceptual
from talkedit.models.perceptual import Vgg16Features
from talkedit.records import Floats
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
        return float(
            np.mean([perceptual(*(self._look(image[None], PERCEPTUAL_PX) for image in pair)) for pair in pairs])
        )

    @torch.inference_mode()
    def pooled(self, video: Video) -> Floats:
        """(T, 256): the means of relu3_3 over the picture, at 112 px."""
        parts = [self._look(video[at : at + BATCH], FID_PX)[-1].mean(dim=(2, 3)) for at in range(0, len(video), BATCH)]
        return torch.cat(parts).numpy()

    def _look(self, images: Video, side_px: int) -> list[torch.Tensor]:
        return self._vgg(torch.stack([shrink(image, side_px) for image in images]).float() / 255)


def identity_distance(
    seen: Video, truth: Video, seen_px: Floats, truth_px: Floats, every_n: int = EVERY_N_FRAMES
) -> float:
    """How far the person drawn is from the real one: distance of dlib's descriptors; below about 0.6 the same.

    Args:
        seen: (T, S, S, 3).
        truth: The real frames; which of them does not matter, as long as there are T.
        seen_px: (T, 68, 2), landmarks in `seen`; NaN where there is no face.
        truth_px: Likewise of `truth`.
        every_n: Frames from one that is looked at to the next.
    """
    distances = []
    for at in range(0, len(seen), every_n):
        if np.isfinite(seen_px[at]).all() and np.isfinite(truth_px[at]).all():
            pair = (describe(seen[at], seen_px[at]), describe(truth[at], truth_px[at]))
            distances.append(float(np.linalg.norm(pair[0] - pair[1])))
    return float(np.mean(distances)) if distances else float("nan")
