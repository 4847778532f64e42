"""Which clips are used, and why the others are not: numbers in, verdicts out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from talkedit.face.sync import Offset
from talkedit.params import Section


class CurateParams(Section):
    """What a clip must be like to be trained on."""

    section: ClassVar[str] = "curate"

    min_sharpness: float = Field(ge=0, description="least detail of the face at 64 px; 0 lets every clip pass")
    max_yaw_deg: float = Field(gt=0, le=180, description="a frame that is turned further is out of pose, degrees")
    max_pitch_deg: float = Field(gt=0, le=90, description="a frame that looks further up or down is, degrees")
    max_roll_deg: float = Field(gt=0, le=180, description="a frame that is tilted further is, degrees")
    max_out_of_pose_share: float = Field(ge=0, le=1, description="share of such frames above which a clip is rejected")
    min_loudness_db: float = Field(le=0, description="least loudness (root mean square), dB under full scale")
    min_speech_share: float = Field(ge=0, le=1, description="least share of the time with sound near the loudest")
    max_speakers: int | None = Field(ge=1, description="a clip with more voices is rejected; null counts no voices")
    min_voice_likeness: float = Field(ge=0, le=1, description="cosine; sounds that are less alike are two voices")
    sync_tolerance_frames: int = Field(ge=0, le=12, description="offsets of the sound up to this many frames are left")
    min_sync_certainty: float = Field(gt=0, description="offsets below are not believed; chance reaches 1 in 1 of 100")
    max_disagreeing_share: float = Field(ge=0, lt=1, description="of a source's clips, or its offset is not corrected")
    unknown_sync: Literal["keep", "reject"] = Field(description="what becomes of clips whose offset nobody can tell")
    max_rejected_share: float = Field(ge=0, lt=1, description="share of rejected clips above which the stage stops")


@dataclass(frozen=True)
class Numbers:
    """What the rules look at, of one clip.

    Attributes:
        sharpness: Detail of the face; see `talkedit.curate.measure`.
        out_of_pose_share: Share of the frames outside the range of poses.
        loudness_db: Root mean square, 0 is full scale.
        speech_share: Share of the time with sound near the loudest.
        n_speakers: How many voices there are; None if nobody can tell.
        offset: Of the clip by itself; None if it is too short to tell.
    """

    sharpness: float
    out_of_pose_share: float
    loudness_db: float
    speech_share: float
    n_speakers: int | None
    offset: Offset | None


@dataclass(frozen=True)
class Verdict:
    """What becomes of a clip.

    Attributes:
        reason: A word to count by; None if the clip is kept.
        detail: A sentence for a person.
        shift_frames: How far its sound is to be moved: it is read this much later in the source.
    """

    reason: str | None = None
    detail: str | None = None
    shift_frames: int = 0


def count_speakers(merges: Sequence[float] | None, params: CurateParams) -> int | None:
    """How many voices there are in a clip whose sounds were joined at these likenesses; None if nobody can tell."""
    return None if merges is None else 1 + sum(likeness < params.min_voice_likeness for likeness in merges)


def judge_source(clips: Sequence[Numbers], pooled: Offset | None, params: CurateParams) -> list[Verdict]:
    """Verdicts on the clips of one source, in order.

    An offset of the whole source is corrected: where it is certain, and no more of the clips than
    `max_disagreeing_share` say another one with certainty.

    Args:
        clips: Their numbers.
        pooled: The offset of all of them together; None if none can tell.
        params: The thresholds.
    """
    certain = [clip.offset for clip in clips if _is_certain(clip.offset, params)]
    if pooled is not None and _is_certain(pooled, params):
        n_disagree = sum(_differ(offset, pooled, params) for offset in certain if offset)
        source = pooled if n_disagree <= params.max_disagreeing_share * len(certain) else None
    else:
        source = None
    return [_of_picture(clip, params) or _of_sound(clip, params) or _of_sync(clip, source, params) for clip in clips]


def _is_certain(offset: Offset | None, params: CurateParams) -> bool:
    return offset is not None and offset.certainty >= params.min_sync_certainty


def _differ(a: Offset, b: Offset, params: CurateParams) -> bool:
    return abs(a.frames - b.frames) > params.sync_tolerance_frames


def _of_picture(clip: Numbers, params: CurateParams) -> Verdict | None:
    if clip.sharpness < params.min_sharpness:
        detail = f"the face has a sharpness of {clip.sharpness:.2f}, curate.min_sharpness is {params.min_sharpness}"
        return Verdict("blurred", detail)
    if clip.out_of_pose_share > params.max_out_of_pose_share:
        detail = f"{clip.out_of_pose_share:.0%} of the frames are turned further than curate.max_..._deg"
        return Verdict("out_of_pose", detail)
    return None


def _of_sound(clip: Numbers, params: CurateParams) -> Verdict | None:
    if clip.loudness_db < params.min_loudness_db:
        detail = f"its sound is at {clip.loudness_db:.0f} dB, curate.min_loudness_db is {params.min_loudness_db:g}"
        return Verdict("silent", detail)
    if clip.speech_share < params.min_speech_share:
        return Verdict("silent", f"{clip.speech_share:.0%} of it is speech, less than curate.min_speech_share")
    if params.max_speakers is not None and (clip.n_speakers or 0) > params.max_speakers:
        detail = f"{clip.n_speakers} voices are heard in it, curate.max_speakers is {params.max_speakers}"
        return Verdict("several_speakers", detail)
    return None


def _of_sync(clip: Numbers, source: Offset | None, params: CurateParams) -> Verdict:
    in_sync = source or Offset(0, 0.0)
    if clip.offset and _is_certain(clip.offset, params) and _differ(clip.offset, in_sync, params):
        than = f"its source is {source.frames} frames late" if source else "its source has no one offset to correct"
        return Verdict("out_of_sync", f"its sound is {clip.offset.frames} frames late; {than}")
    if source is not None:
        is_off = abs(source.frames) > params.sync_tolerance_frames
        return Verdict(shift_frames=source.frames if is_off else 0)
    if params.unknown_sync == "reject" and not _is_certain(clip.offset, params):
        return Verdict(
            "sync_unknown", "whether sound and picture belong together cannot be told from lips and loudness"
        )
    return Verdict()
