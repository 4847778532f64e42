"""One held-out clip driven by another: the frames of the first, the speech of the second.

What comes out is held against the second clip's real frames: do the lips open when its lips do? And without a sound,
does the mouth close?
"""

from typing import Any

import numpy as np

from talkedit.evaluate.loop import number
from talkedit.evaluate.mesh import mouth_opening
from talkedit.evaluate.signals import correlation, offset_frames
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.media.audio import MEL_SILENCE

MOST_OFFSET_FRAMES = 5
SYNC_WITHIN_FRAMES = 1


class Drive:
    """Collects how well clips follow others.

    Args:
        tools: The model and the witness.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._correlations: list[float] = []
        self._offsets: list[int] = []
        self._silence: list[float] = []

    def examine(self, held: Held, driver: Held) -> Video:
        """Drives one clip by another; returns the video.

        Args:
            held: Gives the frames.
            driver: Gives the speech.
        """
        some = np.arange(min(len(held.mel), len(driver.mel)))
        held, driver = held.take(some), driver.take(some)
        video = self._tools.edit(held, held.footage.attributes, driver.mel)
        mesh = self._tools.witness.look(video, held.landmarks_px)
        wanted, got = mouth_opening(driver.mesh), mouth_opening(mesh)
        self._correlations.append(correlation(wanted, got))
        self._offsets.append(offset_frames(wanted, got, MOST_OFFSET_FRAMES))
        silent = self._tools.edit(held, held.footage.attributes, np.full_like(held.mel, MEL_SILENCE))
        closed = mouth_opening(self._tools.witness.look(silent, held.landmarks_px))
        self._silence.append(float(np.nanmean(closed) / np.nanmean(mouth_opening(held.mesh))))
        return video

    def scores(self) -> dict[str, Any]:
        """Medians over clips; None if there was but one held-out clip."""
        in_sync = np.abs(self._offsets) <= SYNC_WITHIN_FRAMES
        return {
            "lip_correlation": _median(self._correlations),
            "lip_sync_share": float(in_sync.mean()) if self._offsets else None,
            "lip_silence_ratio": _median(self._silence),
        }


def _median(values: list[float]) -> float | None:
    return number(float(np.nanmedian(values))) if values else None
