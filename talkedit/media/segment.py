"""Where to cut sources into clips, and which clips are held out. Pure: numbers in, clips out.

Whether a clip is held out depends on its own name only, so that one more source moves no other source's clips and,
unless a split would be empty, no other clip's split.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from pydantic import Field, model_validator

from talkedit.params import Section
from talkedit.records import CLIP_FPS, Clip

MIN_VALIDATION_S = Fraction(4, 5)  # four windows of 5 frames: less tells nothing

CUT_TOLERANCE_S = Fraction(1, 1000)  # a frame that begins this little after a time is shown at it


@dataclass(frozen=True)
class Source:
    """A video to cut into clips.

    Attributes:
        source_id: The clips' names begin with it.
        file: Its name.
        duration_s: Its length.
        cuts_s: When another scene begins, ascending; no clip is on both sides.
        start_s: Nothing from before is used.
        end_s: Nothing from then on is used; None is all to the end.
        film: The same for two parts of one film, which are two files; None: it is the only part.
    """

    source_id: str
    file: str
    duration_s: Fraction
    cuts_s: Sequence[Fraction] = ()
    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None
    film: str | None = None


class SegmentParams(Section):
    """How sources are cut into clips."""

    section: ClassVar[str] = "segment"

    clip_s: float = Field(gt=0, description="Length aimed at for a clip, in seconds.")
    min_clip_s: float = Field(ge=2, description="Shortest footage that makes a clip, in seconds.")
    cut_threshold: float = Field(gt=0, le=255, description="Change of colour and lightness that is a cut, 0..255.")
    validation_share: float = Field(gt=0, le=0.5, description="Share of the clips that is held out.")
    guard_s: float = Field(ge=0, le=0.5, description="Time between training and validation in neither, in seconds.")
    seed: int = Field(description="Another seed holds out other clips.")

    @model_validator(mode="after")
    def _lengths_fit(self) -> "SegmentParams":
        if self.clip_s < self.min_clip_s:
            raise ValueError(f"clip_s ({self.clip_s}) must be at least min_clip_s ({self.min_clip_s})")
        return self


def plan_clips(sources: Sequence[Source], params: SegmentParams) -> list[Clip]:
    """Cuts each scene of each source into clips of equal length and holds out some.

    With two clips or more, clips are held out whole, at least one; a held out clip gives up `guard_s` where another
    clip of its film begins less than that after it. A single clip is cut in two: its end is held out, `guard_s` before
    that is in neither part, and the rest is for training.

    Args:
        sources: The videos; a scene shorter than `min_clip_s` gives no clip.
        params: The lengths and shares.

    Returns:
        Clips in the order of the sources; all starts are multiples of 1/25 s, and no time is in two clips.
    """
    whole = [clip for source in sources for clip in _cut(source, params)]
    if len(whole) == 1:
        return _cut_in_two(whole[0], params)
    held_out = _held_out(whole, params)
    films = {source.file: source.film or source.file for source in sources}
    begins = {(films[clip.source], clip.start_s) for clip in whole}
    return [_guarded(clip, films[clip.source], begins, params) if clip.clip_id in held_out else clip for clip in whole]


def _cut(source: Source, params: SegmentParams) -> list[Clip]:
    pieces = [piece for scene in _scenes(source) for piece in _divide(*scene, params)]
    return [
        Clip(f"{source.source_id}-{i:04d}", source.file, begin / CLIP_FPS, n_frames, "train")
        for i, (begin, n_frames) in enumerate(pieces)
    ]


def _scenes(source: Source) -> list[tuple[int, int]]:
    """(first frame, number of frames) of each scene, at 25 fps; a frame on a cut is in the later one."""
    end_s = source.duration_s if source.end_s is None else source.end_s
    cuts_s = [cut_s for cut_s in source.cuts_s if source.start_s < cut_s < end_s]
    begins = [math.ceil(time_s * CLIP_FPS) for time_s in (source.start_s, *cuts_s)]
    # A frame is shown from shortly before its time, see `talkedit.media.video.read_frames_at`.
    ends = [math.ceil((time_s - CUT_TOLERANCE_S) * CLIP_FPS) for time_s in (*cuts_s, end_s)]
    ends = [min(end, math.floor(source.duration_s * CLIP_FPS)) for end in ends]
    return [(begin, max(end - begin, 0)) for begin, end in zip(begins, ends, strict=True)]


def _divide(begin: int, n_total: int, params: SegmentParams) -> list[tuple[int, int]]:
    """(first frame, number of frames) of each clip of a scene."""
    if n_total < _n_frames(params.min_clip_s):
        return []
    n_clips = max(1, round(n_total / _n_frames(params.clip_s)))
    if n_total // n_clips < _n_frames(params.min_clip_s):
        n_clips -= 1
    n_each = n_total // n_clips
    return [(begin + i * n_each, n_each) for i in range(n_clips)]


def _held_out(clips: list[Clip], params: SegmentParams) -> set[str]:
    """Ids of the clips to hold out: neither none nor all, unless there are none."""
    draws = {clip.clip_id: _draw(clip.clip_id, params.seed) for clip in clips}
    chosen = {clip_id for clip_id, draw in draws.items() if draw < params.validation_share}
    if clips and not chosen:
        return {min(draws, key=draws.__getitem__)}
    if clips and len(chosen) == len(clips):
        return chosen - {max(draws, key=draws.__getitem__)}
    return chosen


def _draw(clip_id: str, seed: int) -> float:
    """A number in 0..1 that depends on the clip's name and the seed alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:8]) / 2**64


def _guarded(clip: Clip, film: str, begins: set[tuple[str, Fraction]], params: SegmentParams) -> Clip:
    n_guard = _n_frames(params.guard_s)
    n_before = n_guard if clip.start_s > 0 else 0
    soon = ((film, clip.start_s + (clip.n_frames + wait) / CLIP_FPS) for wait in range(max(n_guard, 1)))
    n_after = n_guard if any(begin in begins for begin in soon) else 0
    start_s = clip.start_s + n_before / CLIP_FPS
    return replace(clip, start_s=start_s, n_frames=clip.n_frames - n_before - n_after, split="validation")


def _cut_in_two(clip: Clip, params: SegmentParams) -> list[Clip]:
    n_held_out = max(round(clip.n_frames * params.validation_share), _n_frames(MIN_VALIDATION_S))
    n_train = clip.n_frames - n_held_out - _n_frames(params.guard_s)
    start_s = clip.start_s + (clip.n_frames - n_held_out) / CLIP_FPS
    held_out = Clip(f"{clip.clip_id}-held-out", clip.source, start_s, n_held_out, "validation")
    return [replace(clip, n_frames=n_train), held_out]


def _n_frames(length_s: float | Fraction) -> int:
    return math.ceil(Fraction(str(length_s)) * CLIP_FPS)
