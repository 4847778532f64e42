"""One held-out clip driven by another: the frames of the first, the speech of the second.

What comes out is held against the second clip's real frames: do the lips open when its lips do? And without a sound,
does the mouth close?
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkedit.evaluate.footage import Video
from talkedit.evaluate.loop import number
from talkedit.evaluate.mesh import mouth_opening, mouth_width
from talkedit.evaluate.signals import correlation, offset_frames
from talkedit.evaluate.tools import Held, Tools
from talkedit.media.audio import MEL_SILENCE

MOST_OFFSET_FRAMES = 5
SYNC_WITHIN_FRAMES = 1


@dataclass(frozen=True)
class Driven:
    """What came of one clip that another drove.

    Attributes:
        correlation: Of its mouth's opening with that of the clip that gave the speech.
        width_correlation: Likewise of its mouth's width.
        offset_frames: At which shift that is highest.
        silence: Opening of the mouth without a sound, over that of the real frames.
        shut: The same of the real frames in which it is most shut, a twentieth of them: no mouth measures 0.
    """

    correlation: float
    width_correlation: float
    offset_frames: int
    silence: float
    shut: float


def drive_clip(tools: Tools, held: Held, driver: Held) -> tuple[Driven, Video]:
    """Drives one clip by another, for as long as the shorter is; the video too.

    Args:
        tools: The model and the witness.
        held: Gives the frames.
        driver: Gives the speech.
    """
    some = np.arange(min(len(held.mel), len(driver.mel)))
    held, driver = held.take(some), driver.take(some)
    video = tools.edit(held, held.footage.attributes, driver.mel)
    mesh = tools.witness.look(video, held.landmarks_px)
    wanted, got = mouth_opening(driver.mesh), mouth_opening(mesh)
    width_correlation = correlation(mouth_width(driver.mesh), mouth_width(mesh))
    silent = tools.edit(held, held.footage.attributes, np.full_like(held.mel, MEL_SILENCE))
    closed = mouth_opening(tools.witness.look(silent, held.landmarks_px))
    real = mouth_opening(held.mesh)
    silence, shut = (float(opening / np.nanmean(real)) for opening in (np.nanmean(closed), np.nanpercentile(real, 5)))
    offset = offset_frames(wanted, got, MOST_OFFSET_FRAMES)
    return Driven(correlation(wanted, got), width_correlation, offset, silence, shut), video


def drive_scores(driven: list[Driven]) -> dict[str, Any]:
    """Medians over clips; None if there was but one held-out clip."""
    in_sync = np.abs([each.offset_frames for each in driven]) <= SYNC_WITHIN_FRAMES
    return {
        "lip_correlation": _median([each.correlation for each in driven]),
        "lip_width_correlation": _median([each.width_correlation for each in driven]),
        "lip_sync_share": float(in_sync.mean()) if driven else None,
        "lip_silence_ratio": _median([each.silence for each in driven]),
        "lip_shut_ratio": _median([each.shut for each in driven]),
    }


def _median(values: list[float]) -> float | None:
    return number(float(np.nanmedian(values))) if values else None
