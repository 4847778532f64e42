"""All that is to become of a video: what should change, whence it is taken, what it may cost."""

from dataclasses import dataclass
from pathlib import Path

from talkedit.edit.reference import TAKES, check_taking
from talkedit.edit.timeline import Timeline


@dataclass(frozen=True)
class Reference:
    """Another video to take some of pose, emotion and blink from.

    Attributes:
        path: The video.
        take: Any of pose, emotion, blink.
        align: ``time``: each frame takes what the reference shows at its time, and past the reference's end all stays
            as it was; ``stretch``: the reference is brought to the same length.
    """

    path: Path
    take: tuple[str, ...] = tuple(TAKES)
    align: str = "time"

    def __post_init__(self) -> None:
        check_taking(self.take, self.align)
        object.__setattr__(self, "path", Path(self.path))  # which may be given as words


@dataclass(frozen=True)
class Wanted:
    """All that is to become of a video.

    Attributes:
        timeline: What should change; on top of what is taken from the reference.
        reference: Another video to take from.
        audio: New speech, a sound file that begins with the first frame. What is longer than the video is left out;
            after a shorter one there is silence, and the lips are drawn for it.
        reencode_audio: Encode the sound as AAC rather than copy it; new speech always is.
        force: Do what the model's footage never showed, to somebody else's face as well.
        accept_damage: Of a damaged source, edit the frames that can be decoded.
        face: Which of several faces is edited, from 1; None: the largest. See `talkedit.edit.people`.
    """

    timeline: Timeline
    reference: Reference | None = None
    audio: Path | None = None
    reencode_audio: bool = False
    force: bool = False
    accept_damage: bool = False
    face: int | None = None

    def __post_init__(self) -> None:
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))
