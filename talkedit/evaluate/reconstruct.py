"""Reconstruction: each held-out frame drawn from its own speech and codes, with training frames as sources."""

from typing import Any

import numpy as np
import torch

from talkedit.evaluate import metrics
from talkedit.evaluate.footage import Footage, best_sources, nearest_in_landmarks
from talkedit.evaluate.loop import number
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.face.track import FaceTracker
from talkedit.models.losses import perceptual
from talkedit.records import CLIP_FPS, Floats
from talkedit.shards.clips import shrink
from talkedit.train.vgg import load_vgg

DETECT_EVERY_N_FRAMES, MAX_GAP_S = 5, 0.0
PERCEPTUAL_EVERY_N_FRAMES, PERCEPTUAL_PX = 5, 224
PERCEPTUAL_NET = "vgg16_hed"


class Reconstruction:
    """Collects how like the truth held-out clips are drawn.

    Args:
        tools: The model.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._tracker = FaceTracker(DETECT_EVERY_N_FRAMES, MAX_GAP_S)
        self._vgg = load_vgg(PERCEPTUAL_NET)
        self._scores: list[tuple[int, dict[str, float]]] = []

    def examine(self, held: Held, sources: Footage) -> Video:
        """Draws one clip again; returns the video."""
        truth = held.footage
        mask = self._tools.mask(held.sample.track.size_px)
        chosen = sources.take(best_sources(truth, sources, mask))
        renderer = self._tools.renderer
        drawn = renderer.draw(truth.crops, truth.crops.camera_from_head, chosen.crops, held.mel, truth.attributes)
        nearest = sources.take(nearest_in_landmarks(truth.crops.landmarks, sources.crops.landmarks)).crops.images
        seen = np.where(mask[..., None] > 0, drawn, truth.crops.images)
        self._scores.append((len(seen), self._score(seen, truth.crops.images, nearest, mask)))
        return seen

    def scores(self) -> dict[str, Any]:
        """Means over clips, weighted by their frames; what could not be measured is None."""
        weights = [weight for weight, _ in self._scores]
        return {
            key: number(np.average([scores[key] for _, scores in self._scores], weights=weights))
            for key in self._scores[0][1]
        }

    def _score(self, seen: Video, truth: Video, nearest: Video, mask: Floats) -> dict[str, float]:
        size_px = seen.shape[1]
        found, wanted = (
            self._tracker.track(video, (size_px, size_px), float(CLIP_FPS)).landmarks_px for video in (seen, truth)
        )
        mouth = metrics.lmd(found, wanted, metrics.MOUTH_POINTS, size_px)
        face = metrics.lmd(found, wanted, metrics.FACE_POINTS, size_px)
        ours, copied = metrics.ssim_inside(seen, truth, mask), metrics.ssim_inside(nearest, truth, mask)
        return {
            "ssim_in_mask": ours,
            "ssim_in_mask_nearest_frame": copied,
            "ssim_in_mask_gain": ours - copied,
            "lmd_m_px256": mouth.px,
            "lmd_f_px256": face.px,
            "lmd_m_interocular": mouth.interocular,
            "lmd_f_interocular": face.interocular,
            "detection_rate": face.detection_rate,
            "perceptual_hed_vgg": self._perceptual(seen, truth),
            "sharpness_ratio": metrics.sharpness_ratio(seen, truth, mask),
        }

    @torch.inference_mode()
    def _perceptual(self, seen: Video, truth: Video) -> float:
        if self._vgg is None:
            return float("nan")
        distances = []
        for pair in zip(seen[::PERCEPTUAL_EVERY_N_FRAMES], truth[::PERCEPTUAL_EVERY_N_FRAMES], strict=True):
            pictures = (shrink(image, PERCEPTUAL_PX)[None].float() / 255 for image in pair)
            distances.append(perceptual(*(self._vgg(picture) for picture in pictures)).item())
        return float(np.mean(distances))
