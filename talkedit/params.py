"""Reads params.yaml, one declared section at a time.

Each section's schema is a subclass of `Section` and lives beside the code that it configures. A stage
names the schemas that it needs; it is never handed another section, so that what it depends on and what
dvc.yaml says it depends on can be held against each other.
"""

from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pydantic
import yaml

from talkedit.errors import ParamsError
from talkedit.manifest import write_atomically

SECTIONS = (
    "person",
    "download",
    "segment",
    "crop",
    "faces",
    "attributes",
    "curate",
    "shards",
    "model",
    "discriminator",
    "train",
    "loss",
    "evaluate",
    "edit",
)


class Section(pydantic.BaseModel):
    """A section of params.yaml: immutable, no unknown keys, no silent conversion of types."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)
    section: ClassVar[str]


S = TypeVar("S", bound=Section)


def load_section(path: str | Path, schema: type[S]) -> S:
    """Reads and checks one section.

    Args:
        path: The params.yaml file.
        schema: The section's schema; `schema.section` is its name in the file.

    Returns:
        The checked values.

    Raises:
        ParamsError: The file cannot be read, a top-level key is unknown, or a value of this section is
            missing, unknown, of the wrong type or out of range. The message has the dotted name.
    """
    values = _read(path)
    if schema.section not in values:
        raise ParamsError(f"{path}: the section {schema.section!r} is missing; add it (see the one in the repository)")
    return parse(schema, values[schema.section], where=str(path))


def parse(schema: type[S], values: Any, where: str) -> S:
    """Checks `values` against `schema`; errors carry dotted names and `where`."""
    try:
        return schema.model_validate_json(pydantic.TypeAdapter(Any).dump_json(values))
    except pydantic.ValidationError as error:
        problems = "; ".join(_describe(schema.section, problem) for problem in error.errors())
        raise ParamsError(f"{where}: {problems}") from error


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that a mapping has twice; YAML's own loader takes the last and says nothing."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is there twice", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node


def parse_yaml(text: str) -> Any:
    """What a YAML text holds.

    Raises:
        yaml.YAMLError: It is not valid, or a mapping has a key twice.
    """
    return yaml.load(text, _UniqueKeys)  # noqa: S506 (a SafeLoader)


def _read(path: str | Path) -> dict[str, Any]:
    try:
        values = parse_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); run from the folder that holds it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: should hold sections such as 'crop:', but holds {type(values).__name__}")
    unknown = sorted(set(map(str, values)) - set(SECTIONS))
    if unknown:
        raise ParamsError(f"{path}: unknown section {', '.join(unknown)}; the known ones are {', '.join(SECTIONS)}")
    return values


def _describe(section: str, problem: Any) -> str:
    name = ".".join(str(part) for part in (section, *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"{name} is not a parameter; remove it or check its spelling"
    if problem["type"] == "missing":
        return f"{name} is missing"
    return f"{name} is {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


RECORD = "params.json"


def write_record(folder: Path, params: Section) -> None:
    """Leaves beside a result the section that made it, for whoever has to do the same again later (the editor)."""
    write_atomically(folder / RECORD, (params.model_dump_json(indent=1) + "\n").encode())


def read_record(folder: Path) -> Any:
    """What `write_record` left."""
    return yaml.safe_load((folder / RECORD).read_text(encoding="utf-8"))
