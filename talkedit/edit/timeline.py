"""What should change, and when: one schema behind options, timeline files and Python."""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import pydantic
from pydantic import AliasChoices, BeforeValidator, Field, PlainSerializer

from talkedit.edit.moments import Moment, parse_moment, split_span
from talkedit.edit.wishes import Wish, parse_blend, parse_wish
from talkedit.errors import ParamsError
from talkedit.params import Section
from talkedit.records import POSE

POSE_LIMIT_DEG = 60.0
EASE_S = 0.3
# Which code of the generator carries a control.
CODE_OF = {**{f"{angle}_deg": "pose" for angle in POSE}, "emotion": "emotion", "eye_openness": "blink"}
CODE_OF_EXTRAS = {"nod": "pose", "shake": "pose", "look away": "pose", "natural blinking": "blink"}


def _parse_angle(said: object) -> Wish:
    limit = POSE_LIMIT_DEG
    return parse_wish(said, -limit, limit, f"degrees from {-limit:g} to {limit:g}")


def _parse_openness(said: object) -> Wish:
    return parse_wish(said, 0, 1, "a value from 0 (closed) to 1 (open)")


def _as_words(value: Wish | Moment | None) -> str | None:
    return value and value.said


Angle = Annotated[Wish, BeforeValidator(_parse_angle), PlainSerializer(_as_words)]
Openness = Annotated[Wish, BeforeValidator(_parse_openness), PlainSerializer(_as_words)]
Blend = Annotated[Wish, BeforeValidator(parse_blend), PlainSerializer(_as_words)]
Instant = Annotated[Moment, BeforeValidator(parse_moment), PlainSerializer(_as_words)]
W = TypeVar("W")


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Span(_Part):
    """A part of the video; without an end it reaches to the video's. In words: ``1.5..3``."""

    begin: Instant | None = Field(None, alias="from")
    end: Instant | None = Field(None, alias="to")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _of_words(cls, said: Any) -> Any:
        return dict(zip(("from", "to"), split_span(said), strict=True)) if isinstance(said, str) else said


class Stretch(Span, Generic[W]):
    """One wish for a part of the video, or for all of it.

    Attributes:
        value: What is wished for.
        ease_s: How long it takes to come and to go, inside the stretch; not at an end that was not said.
    """

    value: W
    ease_s: float = Field(EASE_S, ge=0, le=60)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _of_words(cls, said: Any) -> Any:
        if not isinstance(said, str):
            return said
        value, at, span = said.partition("@")
        return {"value": value} | (dict(zip(("from", "to"), split_span(span), strict=True)) if at else {})


class Key(_Part, Generic[W]):
    """A wish at one time. Before the first and after the last of a channel, theirs goes on.

    Attributes:
        at: When.
        value: What is wished for then.
        then: How it passes over to the next.
    """

    at: Instant
    value: W
    then: Literal["hold", "linear", "smooth"] = "linear"


class Channel(_Part, Generic[W]):
    """All that is wished of one control: keyframes, and stretches that act on what these give, in their order.

    In a file this is one value, one stretch, or a list: of ``{at, value, then}`` for keyframes, of ``{value, from,
    to, ease_s}`` or words such as ``+12@1..2.5`` for stretches.
    """

    keys: tuple[Key[W], ...] = ()
    stretches: tuple[Stretch[W], ...] = ()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _sorted_out(cls, said: Any) -> Any:
        if said is None or said == "" or isinstance(said, Channel):
            return said or {}
        if isinstance(said, dict) and said.keys() <= {"keys", "stretches"}:
            return said
        entries = list(said) if isinstance(said, list | tuple) else [said]
        are_keys = [isinstance(entry, dict) and "at" in entry for entry in entries]
        keys = list(compress(entries, are_keys))
        others = [_stretch(entry) for entry, is_key in zip(entries, are_keys, strict=True) if not is_key]
        return {"keys": keys, "stretches": others}

    @property
    def wishes(self) -> list[W]:
        """Every value that is named."""
        return [part.value for part in (*self.keys, *self.stretches)]

    def __bool__(self) -> bool:
        return bool(self.keys or self.stretches)


def _stretch(entry: Any) -> Any:
    if isinstance(entry, str | Stretch) or (isinstance(entry, dict) and "value" in entry):
        return entry
    return {"value": entry}


class Blink(_Part):
    """The eyes close and open again: from `at`, within `for_s` seconds. In words: ``2.4 for 0.2``, or ``2.4``."""

    at: Instant
    for_s: float = Field(0.3, gt=0, le=10, validation_alias=AliasChoices("for", "for_s"), serialization_alias="for")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _of_words(cls, said: Any) -> Any:
        if not isinstance(said, str | int | float):
            return said
        at, named, for_s = str(said).partition(" for ")
        return {"at": at} | ({"for": for_s} if named else {})


class Gesture(_Part):
    """A movement on top of all else: nod (down and up), shake (left and right), look away (to one side and back).

    Attributes:
        at: When it begins.
        for_s: How long it takes, in seconds.
        deg: How far it goes; of shake and look away, negative begins to the person's own right.
        times: How many nods or shakes.
    """

    preset: Literal["nod", "shake", "look away"]
    at: Instant
    for_s: float = Field(1.0, gt=0, le=600, validation_alias=AliasChoices("for", "for_s"), serialization_alias="for")
    deg: float = Field(8.0, ge=-POSE_LIMIT_DEG, le=POSE_LIMIT_DEG)
    times: int = Field(1, ge=1, le=100)


class NaturalBlinking(Span):
    """Blinks at uneven times, the same ones for the same seed.

    Attributes:
        per_minute: How many, on average.
        seed: Another seed gives other times.
    """

    preset: Literal["natural blinking"]
    per_minute: float = Field(15.0, gt=0, le=60)
    seed: int = Field(0, ge=0)


Preset = Annotated[Gesture | NaturalBlinking, Field(discriminator="preset")]


def _named(short: str, name: str) -> AliasChoices:
    return AliasChoices(name, short)


class Timeline(_Part):
    """What should change; what is not named stays as it was in the input.

    ``Timeline(yaw_deg=8, eye_openness="x0.5", emotion="happy=0.4@1..3")``

    Attributes:
        yaw_deg: Positive when the person turns to their own left.
        pitch_deg: Positive when they look up.
        roll_deg: Positive when the head tilts clockwise as the viewer sees it.
        eye_openness: 0 (closed) to 1 (open).
        emotion: Shares of `EMOTIONS`.
        blinks: Single blinks.
        presets: Gestures and natural blinking.
        keep: Parts of the video to leave alone.
    """

    yaw_deg: Channel[Angle] = Field(Channel(), validation_alias=_named("yaw", "yaw_deg"))
    pitch_deg: Channel[Angle] = Field(Channel(), validation_alias=_named("pitch", "pitch_deg"))
    roll_deg: Channel[Angle] = Field(Channel(), validation_alias=_named("roll", "roll_deg"))
    eye_openness: Channel[Openness] = Channel()
    emotion: Channel[Blend] = Channel()
    blinks: tuple[Blink, ...] = Field((), max_length=100_000)
    presets: tuple[Preset, ...] = Field((), max_length=10_000)
    keep: tuple[Span, ...] = Field((), max_length=100_000)

    def __init__(self, **said: Any) -> None:
        """Reads what is wished for, in any form that a timeline file may have.

        Raises:
            ParamsError: It cannot be understood, or is out of range.
        """
        try:
            super().__init__(**said)
        except pydantic.ValidationError as error:
            raise ParamsError("; ".join(dict.fromkeys(map(_sentence, error.errors())))) from error

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not any((*self.channels().values(), self.blinks, self.presets))

    def channels(self) -> dict[str, Channel[Wish]]:
        """Every control by its name."""
        return {name: getattr(self, name) for name in CODE_OF}

    def said(self) -> dict[str, Any]:
        """All of it as a timeline file would have it; what is not named is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def joined(self, more: "Timeline") -> "Timeline":
        """Both at once.

        Raises:
            ParamsError: Both name the same control.
        """
        twice = [_words(name) for name, channel in self.channels().items() if channel and getattr(more, name)]
        if twice:
            raise ParamsError(f"{' and '.join(twice)}: asked for twice, in the file and by an option; ask once")
        named: dict[str, Any] = {name: channel for name, channel in more.channels().items() if channel}
        lists = {name: (*getattr(self, name), *getattr(more, name)) for name in ("blinks", "presets", "keep")}
        return self.model_copy(update=named | lists)

    def taken_by(self, codes: Sequence[str]) -> Self:
        """The same without what a model that takes only these codes (pose, emotion, blink) cannot be asked for."""
        left_out: dict[str, Any] = {name: Channel() for name, code in CODE_OF.items() if code not in codes}
        left_out["presets"] = tuple(each for each in self.presets if CODE_OF_EXTRAS[each.preset] in codes)
        left_out["blinks"] = self.blinks if "blink" in codes else ()
        return self.model_copy(update=left_out)


def _words(name: object) -> str:
    return str(name).removesuffix("_deg").replace("_", " ")


def _sentence(problem: Any) -> str:
    """A sentence on one problem, with where it is: ``yaw, entry 2: is 61: give degrees``."""
    words = [_words(part) for part in problem["loc"] if isinstance(part, str) and part not in _INNER]
    entry = "".join(f", entry {part + 1}" for part in problem["loc"] if isinstance(part, int) and part)
    message: Callable[[str], str] = lambda what: f"{' '.join(words) or 'the timeline'}{entry} {what}"  # noqa: E731
    if problem["type"] == "value_error":
        return message(str(problem["ctx"]["error"]))
    if problem["type"] == "extra_forbidden":
        name = f"{problem['loc'][0]}_deg"
        if len(problem["loc"]) == 1 and name in CODE_OF:  # its short name is left over only if that is there too
            return message(f"is named twice, as {problem['loc'][0]} and as {name}; name it once")
        return message("is not known; check its spelling")
    if problem["type"] == "missing":
        return message("is missing")
    return message(f"is {str(problem['input'])[:40]!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}")


_INNER = {"keys", "stretches", "value"}


class EditParams(Section):
    """The edit that the pipeline's last stage makes of the person's first source."""

    section: ClassVar[str] = "edit"
    yaw_deg: float | str | None = Field(description="degrees, to the person's own left; null: as it is")
    pitch_deg: float | str | None = Field(description="degrees, up; null: as it is")
    roll_deg: float | str | None = Field(description="degrees, clockwise as the viewer sees it; null: as it is")
    emotion: str | None = Field(description="one of the seven categories, or a blend; null: as it is")
    eye_openness: float | str | None = Field(description="0 (closed) to 1 (open); null: as it is")
    crf: int = Field(ge=0, le=51, description="H.264 quality of the edited video")
    preset: str = Field(description="x264's speed, such as medium")

    def timeline(self) -> Timeline:
        """What is asked for."""
        return Timeline(
            yaw_deg=self.yaw_deg,
            pitch_deg=self.pitch_deg,
            roll_deg=self.roll_deg,
            emotion=self.emotion,
            eye_openness=self.eye_openness,
        )
