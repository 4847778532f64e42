"""sources.yaml: which footage a person has, and where it comes from."""

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from talkedit.assets import PINNED_REQUIREMENT
from talkedit.errors import ParamsError
from talkedit.params import parse_yaml

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
DatasetFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.yaml$")]
STORES = ("s3", "gs", "gcs", "az", "abfs", "memory")
_ORIGINS = ("path", "url", "web", "playlist", "object", "package")
_TIMECODE = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)")


class SourceSpec(BaseModel):
    """One piece of footage, or several that are found in one place: exactly one of the places below."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Name = Field(description="Unique for the person; becomes the file's name.")
    path: str | None = Field(default=None, description="A file, folder or pattern, seen from sources.yaml's folder.")
    url: str | None = Field(default=None, pattern=r"^https?://", description="The address of the file itself.")
    web: str | None = Field(default=None, pattern=r"^https?://", description="The address of a page with one video.")
    playlist: str | None = Field(default=None, pattern=r"^https?://", description="The address of a list of videos.")
    items: str | None = Field(default=None, pattern=r"^[0-9,:-]+$", description="Which of the list: 1-20,25.")
    object: str | None = Field(default=None, pattern=rf"^({'|'.join(STORES)})://", description="In an object store.")
    package: str | None = Field(default=None, pattern=PINNED_REQUIREMENT, description="name==version.")
    member: str | None = Field(default=None, description="Path of the file inside the package.")
    start: float | str | None = Field(default=None, description="Use it from here: seconds or [HH:]MM:SS[.fraction].")
    end: float | str | None = Field(default=None, description="And up to here, exclusive.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="Pins the file's content.")
    licence: str | None = Field(default=None, description="SPDX identifier or a few words.")
    note: str | None = Field(default=None, description="Whose it is and what was agreed.")

    @model_validator(mode="after")
    def _one_origin(self) -> "SourceSpec":
        if sum(getattr(self, origin) is not None for origin in _ORIGINS) != 1:
            raise ValueError(f"name exactly one of {', '.join(_ORIGINS)}")
        if (self.package is None) != (self.member is None) or (self.package and not self.sha256):
            raise ValueError("package, member and sha256 belong together")
        if self.items and not self.playlist:
            raise ValueError("items belongs to playlist")
        if self.playlist and self.sha256:
            raise ValueError("sha256 pins one file; name the videos of the list one by one to pin them")
        urlsplit(
            self.url or self.object or ""
        )  # raises a ValueError where no part of an address can be told from others
        start_s, end_s = self.start_s, self.end_s
        if end_s is not None and end_s <= (start_s or 0):
            raise ValueError("end must be after start")
        return self

    @property
    def origin(self) -> str:
        """Where it comes from, for a person to read."""
        places = (self.path, self.url, self.web, self.playlist, self.object)
        place = next((place for place in places if place), f"{self.package} {self.member}")
        return os.fsencode(place).decode(errors="backslashreplace")  # a file found in a folder may have any bytes

    @property
    def start_s(self) -> Fraction | None:
        """From when on it is used, exact; None is from its beginning."""
        return None if self.start is None else seconds_of(self.start)

    @property
    def end_s(self) -> Fraction | None:
        """Up to when it is used, exact; None is to its end."""
        return None if self.end is None else seconds_of(self.end)


class Dataset(BaseModel):
    """A file with the sources of one person, which sources.yaml names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    licence: str = Field(description="Of all sources that name none of their own.")
    note: str = Field(description="Where the list is from, and what to know before using it.")
    missing: str | None = Field(default=None, description="What is to be filled in before it can be used.")
    sources: list[SourceSpec] = Field(description="As in sources.yaml.")


_LISTED, _FILE = "listed", "file"
_Listed = Annotated[list[SourceSpec], Field(min_length=1), Tag(_LISTED)]
_Sources = Annotated[
    _Listed | Annotated[DatasetFile, Tag(_FILE)],
    Discriminator(lambda value: _FILE if isinstance(value, str) else _LISTED),
]
_SCHEMA = TypeAdapter(dict[Name, _Sources])
T = TypeVar("T")


def seconds_of(time: float | str) -> Fraction:
    """Seconds, or [HH:]MM:SS[.fraction], as an exact number of seconds.

    Raises:
        ValueError: It is neither.
    """
    match = _TIMECODE.fullmatch(str(time))
    if match is None:
        raise ValueError(f"{time} is no time; write seconds or [HH:]MM:SS[.fraction]")
    hours, minutes, seconds = match.groups(default="0")
    if match[2] is not None and Fraction(seconds) >= 60:
        raise ValueError(f"{time} is no time; seconds after minutes go up to 59")
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def load_sources(path: Path, person: str, datasets: Path | None = None) -> list[SourceSpec]:
    """The sources of one person; the whole file is checked.

    Args:
        path: sources.yaml.
        person: Whose.
        datasets: Folder of the lists that it names; ``datasets`` beside it if not given.

    Raises:
        ParamsError: The file cannot be read, a value is wrong, the person is unknown, an id comes twice, or the
            person's dataset has yet to be filled in.
    """
    people = _validated(path, _SCHEMA)
    if person not in people:
        raise ParamsError(f"{path}: has no person {person!r}; it has {', '.join(people) or 'none'}")
    for name, specs in people.items():
        if not isinstance(specs, str):
            _require_different(path, name, specs)
    specs = people[person]
    return _dataset((datasets or path.parent / "datasets") / specs, person) if isinstance(specs, str) else specs


def _dataset(path: Path, person: str) -> list[SourceSpec]:
    dataset = _validated(path, TypeAdapter(Dataset))
    if dataset.missing or not dataset.sources:
        raise ParamsError(f"{path}: {dataset.missing or 'names no sources'}")
    _require_different(path, person, dataset.sources)
    both = {"licence": dataset.licence, "note": dataset.note}
    return [spec.model_copy(update={k: getattr(spec, k) or v for k, v in both.items()}) for spec in dataset.sources]


def _require_different(path: Path, person: str, specs: list[SourceSpec]) -> None:
    ids = [spec.id.lower() for spec in specs]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ParamsError(f"{path}: {person} has the id {', '.join(twice)} more than once; ids must differ")


def _validated(path: Path, schema: TypeAdapter[T]) -> T:
    try:
        values: Any = parse_yaml(path.read_text(encoding="utf-8"))
        return schema.validate_json(TypeAdapter(Any).dump_json(values))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problems = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise ParamsError(f"{path}: {'; '.join(problems)}") from error


def _place(loc: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in loc if part not in (_LISTED, _FILE)) or "the file"
