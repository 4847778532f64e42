"""Reconstruction: each held-out frame drawn from its own speech and codes, with training frames as sources."""

from typing import Any

import numpy as np

from talkedit.evaluate.features import FID_FRAMES
from talkedit.evaluate.footage import Footage, best_sources, nearest_in_landmarks
from talkedit.evaluate.frechet import LEAST_FRAMES, frechet_distance
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import number
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.records import Floats

Scores = dict[str, float]
OURS, TRUTH, COPIED, NEAREST = "this system", "ground truth", "copied source", "nearest training frame"


class Reconstruction:
    """Collects how like the truth held-out clips are drawn, and what costs nothing to draw: copies.

    Args:
        tools: The model.
        likeness: Scores the videos.
        n_frames: Of all clips that will be examined: as many as FID needs, or it is left out.
    """

    def __init__(self, tools: Tools, likeness: Likeness, n_frames: int) -> None:
        self._tools, self._likeness = tools, likeness
        self.with_fid, self._fid_step = n_frames >= LEAST_FRAMES, max(n_frames // FID_FRAMES, 1)
        self._pooled: dict[str, list[Floats]] = {OURS: [], TRUTH: []}
        self.clips: dict[str, list[tuple[str, int, Scores]]] = {}

    def examine(self, held: Held, sources: Footage) -> Video:
        """Draws one clip again; returns the video."""
        truth = held.footage
        mask = self._tools.mask(held.sample.track.size_px)
        chosen = sources.take(best_sources(truth, sources, mask))
        renderer = self._tools.renderer
        drawn = renderer.draw(truth.crops, truth.crops.camera_from_head, chosen.crops, held.mel, truth.attributes)
        nearest = sources.take(nearest_in_landmarks(truth.crops.landmarks, sources.crops.landmarks)).crops.images
        seen = self.inside(drawn, held)
        self._keep(OURS, held, self._likeness.score(seen, held, mask))
        self._keep(TRUTH, held, self._likeness.real(held))
        self.add(COPIED, chosen.crops.images, held)
        self.add(NEAREST, nearest, held)
        if self.with_fid:
            for name, video in ((OURS, seen), (TRUTH, truth.crops.images)):
                self._pooled[name].append(self._likeness.features.pooled(video[:: self._fid_step]))
        return seen

    def add(self, system: str, seen: Video, held: Held) -> None:
        """Scores what a system made of a clip."""
        self._keep(system, held, self._likeness.compare(seen, held, self._tools.mask(seen.shape[1])))

    def inside(self, drawn: Video, held: Held) -> Video:
        """What was drawn, inside the mask; the clip's own pixels around it."""
        mask = self._tools.mask(drawn.shape[1])
        return np.where(mask[..., None] > 0, drawn, held.footage.crops.images)

    def scores(self) -> dict[str, Any]:
        """Of this model: means over clips, weighted by their frames; what could not be measured is None."""
        ours = {f"self_{key}": value for key, value in self.mean(OURS).items()}
        ssim, copied = ours["self_ssim_in_mask"], self.mean(NEAREST)["ssim_in_mask"]
        gain = None if ssim is None or copied is None else ssim - copied
        return ours | {"self_ssim_in_mask_gain": gain, "self_fid_hed_vgg": self._fid()}

    def mean(self, system: str) -> dict[str, float | None]:
        """The same of any system, without the prefix."""
        clips = self.clips[system]
        weights = [n_frames for _, n_frames, _ in clips]
        return {
            key: number(float(np.average([scores[key] for *_, scores in clips], weights=weights)))
            for key in clips[0][2]
        }

    def _keep(self, system: str, held: Held, scores: Scores) -> None:
        self.clips.setdefault(system, []).append((held.sample.clip_id, len(held.mel), scores))

    def _fid(self) -> float | None:
        if not self.with_fid:
            return None
        return frechet_distance(*(np.concatenate(self._pooled[name]) for name in (OURS, TRUTH)))
