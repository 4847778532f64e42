"""One held-out clip driven by another: the frames of the first, the speech and the blinks of the second.

The paper's task. What comes out is held against the second clip's real frames: do the lips open when its lips do, do
the eyes close when its eyes do? And without a sound, does the mouth close?
"""

from dataclasses import replace
from typing import Any

import numpy as np

from talkedit.evaluate.loop import number
from talkedit.evaluate.mesh import lid_opening, mouth_opening
from talkedit.evaluate.signals import Matches, correlation, events, match_events, offset_frames
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.media.audio import MEL_SILENCE

MOST_OFFSET_FRAMES = 5
BLINK_SLACK_FRAMES = 1
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
        self._blinks: list[Matches] = []
        self._silence: list[float] = []

    def examine(self, held: Held, driver: Held, shut: float) -> Video:
        """Drives one clip by another; returns the video.

        Args:
            held: Gives the frames.
            driver: Gives speech and blinks.
            shut: Lid opening under which the witness calls an eye shut.
        """
        some = np.arange(min(len(held.mel), len(driver.mel)))
        held, driver = held.take(some), driver.take(some)
        asked = replace(held.footage.attributes, eye_openness=driver.footage.attributes.eye_openness)
        video = self._tools.edit(held, asked, driver.mel)
        mesh = self._tools.witness.look(video, held.landmarks_px)
        wanted, got = mouth_opening(driver.mesh), mouth_opening(mesh)
        self._correlations.append(correlation(wanted, got))
        self._offsets.append(offset_frames(wanted, got, MOST_OFFSET_FRAMES))
        blinks = [events(lid_opening(lids) < shut) for lids in (driver.mesh, mesh)]
        self._blinks.append(match_events(blinks[0], blinks[1], BLINK_SLACK_FRAMES))
        silent = self._tools.edit(held, held.footage.attributes, np.full_like(held.mel, MEL_SILENCE))
        closed = mouth_opening(self._tools.witness.look(silent, held.landmarks_px))
        self._silence.append(float(np.nanmean(closed) / np.nanmean(mouth_opening(held.mesh))))
        return video

    def scores(self) -> dict[str, Any]:
        """Medians over clips, and the F1 of all blinks together; None if there was but one held-out clip."""
        blinks = Matches(*(sum(column) for column in zip(*self._blinks, strict=True))) if self._blinks else None
        in_sync = np.abs(self._offsets) <= SYNC_WITHIN_FRAMES
        return {
            "lip_correlation": _median(self._correlations),
            "lip_sync_share": float(in_sync.mean()) if self._offsets else None,
            "lip_silence_ratio": _median(self._silence),
            "blink_f1": number(blinks.f1) if blinks else None,
            "blink_n": blinks.found + blinks.missed if blinks else 0,
        }


def shut_below(held: list[Held]) -> float:
    """The lid opening half way between this person's shut and usual eyes, from real frames."""
    lids = np.concatenate([lid_opening(each.mesh) for each in held])
    return float((np.nanmin(lids) + np.nanmedian(lids)) / 2)


def _median(values: list[float]) -> float | None:
    return number(float(np.nanmedian(values))) if values else None
