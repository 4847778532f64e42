"""sources.yaml: which footage a person has, and where it comes from."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from talkedit.assets import PINNED_REQUIREMENT
from talkedit.errors import ParamsError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]


class SourceSpec(BaseModel):
    """One piece of footage: exactly one of `path`, `url`, or `package` with `member`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Name = Field(description="Unique for the person; becomes the file's name.")
    path: str | None = Field(default=None, description="A local file, seen from the folder of sources.yaml.")
    url: str | None = Field(default=None, pattern=r"^https?://", description="The address of the file itself.")
    package: str | None = Field(default=None, pattern=PINNED_REQUIREMENT, description="name==version.")
    member: str | None = Field(default=None, description="Path of the file inside the package.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="Pins the file's content.")
    licence: str | None = Field(default=None, description="SPDX identifier or a few words.")
    note: str | None = Field(default=None, description="Whose it is and what was agreed.")

    @model_validator(mode="after")
    def _one_origin(self) -> "SourceSpec":
        if sum(origin is not None for origin in (self.path, self.url, self.package)) != 1:
            raise ValueError("name exactly one of path, url, package")
        if (self.package is None) != (self.member is None) or (self.package and not self.sha256):
            raise ValueError("package, member and sha256 belong together")
        return self

    @property
    def origin(self) -> str:
        """Where it comes from, for a person to read."""
        return self.path or self.url or f"{self.package} {self.member}"


_SCHEMA = TypeAdapter(dict[Name, Annotated[list[SourceSpec], Field(min_length=1)]])


def load_sources(path: Path, person: str) -> list[SourceSpec]:
    """The sources of one person; the whole file is checked.

    Raises:
        ParamsError: The file cannot be read, a value is wrong, the person is unknown, or an id comes twice.
    """
    people = _validated(path)
    if person not in people:
        raise ParamsError(f"{path}: has no person {person!r}; it has {', '.join(people) or 'none'}")
    for name, specs in people.items():
        ids = [spec.id.lower() for spec in specs]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ParamsError(f"{path}: {name} has the id {', '.join(twice)} more than once; ids must differ")
    return people[person]


def _validated(path: Path) -> dict[str, list[SourceSpec]]:
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _SCHEMA.validate_json(TypeAdapter(Any).dump_json(values))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc'])) or 'the file'}: {p['msg']}" for p in error.errors()]
        raise ParamsError(f"{path}: {'; '.join(problems)}") from error
