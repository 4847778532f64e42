"""Reconstruction: each held-out frame drawn from its own speech and codes, with training frames as sources."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkedit.evaluate.footage import Footage, Video, best_sources, nearest_in_landmarks
from talkedit.evaluate.frechet import frechet_distance
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import number
from talkedit.evaluate.signals import measured_mean
from talkedit.evaluate.systems import OutsideSystem
from talkedit.evaluate.tools import Held, Tools
from talkedit.records import Floats

Scores = dict[str, float]
OURS, TRUTH, COPIED, NEAREST = "this system", "ground truth", "copied source", "nearest training frame"
ALWAYS_THERE = OURS, TRUTH, COPIED, NEAREST  # names that no outside system may have


@dataclass(frozen=True)
class Redrawn:
    """What came of one clip.

    Attributes:
        clip_id: Which.
        n_frames: T.
        scores: By system.
        pooled: For FID, features of what was drawn and of the truth; empty without it.
    """

    clip_id: str
    n_frames: int
    scores: dict[str, Scores]
    pooled: dict[str, Floats]


def draw_again(tools: Tools, held: Held, sources: Footage) -> tuple[Video, Video]:
    """A clip drawn inside the mask, its own pixels around it; and the sources as they are."""
    truth, mask = held.footage, tools.mask(held.sample.track.size_px)
    chosen = sources.take(best_sources(truth, sources, mask))
    drawn = tools.renderer.draw(truth.crops, truth.crops.camera_from_head, chosen.crops, held.mel, truth.attributes)
    return np.where(mask[..., None] > 0, drawn, truth.crops.images), chosen.crops.images


def examine_clip(
    tools: Tools,
    likeness: Likeness,
    held: Held,
    sources: Footage,
    outside: dict[str, OutsideSystem],
    fid_step: int | None,
) -> Redrawn:
    """Draws one clip again and scores it, what costs nothing to draw (copies), and what outside systems made of it.

    Args:
        tools: The model.
        likeness: Scores the videos.
        held: The clip.
        sources: Training frames, of the same size.
        outside: Other systems, by name.
        fid_step: Frames from one that is taken for FID to the next; None: FID is left out.
    """
    truth, mask = held.footage.crops, tools.mask(held.sample.track.size_px)
    seen, copied = draw_again(tools, held, sources)
    nearest = sources.take(nearest_in_landmarks(truth.landmarks, sources.crops.landmarks)).crops.images
    videos = {COPIED: copied, NEAREST: nearest}
    videos |= {name: system.video(held) for name, system in outside.items() if system.has(held.sample.clip_id)}
    scores = {OURS: likeness.score(seen, held, mask), TRUTH: likeness.real(held)}
    scores |= {name: likeness.compare(video, held, mask) for name, video in videos.items()}
    pooled = {}
    if fid_step:
        pooled = {
            name: likeness.features.pooled(video[::fid_step]) for name, video in ((OURS, seen), (TRUTH, truth.images))
        }
    return Redrawn(held.sample.clip_id, len(held.mel), scores, pooled)


class Reconstruction:
    """Collects how like the truth held-out clips are drawn, by system.

    Args:
        clips: What came of each.
    """

    def __init__(self, clips: list[Redrawn]) -> None:
        self._clips = clips
        self.systems = list(dict.fromkeys(name for clip in clips for name in clip.scores))

    def of(self, system: str) -> list[tuple[str, int, Scores]]:
        """Id, number of frames and scores of each clip that there is a result of."""
        return [(clip.clip_id, clip.n_frames, clip.scores[system]) for clip in self._clips if system in clip.scores]

    def scores(self) -> dict[str, Any]:
        """Of this model: means over the clips that could be measured, weighted by their frames; None without any."""
        ours = {f"self_{key}": value for key, value in self.mean(OURS).items()}
        ssim, copied = ours["self_ssim_in_mask"], self.mean(NEAREST)["ssim_in_mask"]
        gain = None if ssim is None or copied is None else ssim - copied
        return ours | {"self_ssim_in_mask_gain": gain, "self_fid_hed_vgg": self._fid()}

    def mean(self, system: str) -> dict[str, float | None]:
        """The same of any system, without the prefix."""
        clips = self.of(system)
        weights = [n_frames for _, n_frames, _ in clips]
        return {key: number(measured_mean([scores[key] for *_, scores in clips], weights)) for key in clips[0][2]}

    def _fid(self) -> float | None:
        if not all(clip.pooled for clip in self._clips):
            return None
        return frechet_distance(
            *(np.concatenate([clip.pooled[name] for clip in self._clips]) for name in (OURS, TRUTH))
        )
