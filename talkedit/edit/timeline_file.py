"""Reads a timeline from a YAML, JSON or CSV file. What a value means, `talkedit.edit.timeline` says."""

import csv
import json
from collections.abc import Callable, Hashable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from talkedit.edit.timeline import CODE_OF, Timeline
from talkedit.errors import ParamsError

MAX_BYTES = 2_000_000
CHANNELS = {name.removesuffix("_deg"): name for name in CODE_OF} | {name: name for name in CODE_OF}


class _WordsOnly(yaml.SafeLoader):
    """YAML whose values stay as they are written: ``+12`` is no number here, nor ``00:01:10`` one of base 60."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (as PyYAML has it)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not taken; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        _once((key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        return super().construct_mapping(node, deep)


def read_timeline(path: str | Path) -> Timeline:
    """Reads a timeline file; its name says what it is.

    YAML and JSON hold the names of `Timeline`. CSV has a line of column names, ``time`` and any of ``yaw``, ``pitch``,
    ``roll``, ``eye_openness``, ``emotion``, ``blink`` (how many seconds), ``then``; an empty cell is no keyframe.

    Raises:
        ParamsError: It cannot be read or understood; the message names the file.
    """
    path = Path(path)
    readers: dict[str, Callable[[str], Any]] = {".yaml": _yaml, ".yml": _yaml, ".json": _json, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise ParamsError(f"{path}: its name must end in .yaml, .json or .csv")
    try:
        content = readers[path.suffix.lower()](_text(path))
        if not isinstance(content, dict):
            raise ParamsError("should hold names such as 'yaw:' with their values")
        return Timeline(**content)
    except RecursionError as error:
        raise ParamsError(f"{path}: is nested too deeply; it needs three levels") from error
    except (yaml.YAMLError, csv.Error, ValueError, TypeError) as error:
        raise ParamsError(f"{path}: cannot be understood: {' '.join(str(error).split())[:300]}") from error
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ParamsError(f"has more than {MAX_BYTES // 1_000_000} MB; a timeline is smaller")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ParamsError(f"cannot be read ({error.strerror}); check the path") from error


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_WordsOnly) or {}  # noqa: S506 (a SafeLoader)
    except (AttributeError, KeyError) as error:  # PyYAML's, of a value that its tag does not fit
        raise yaml.YAMLError(f"a tag (!!...) stands before what it does not fit ({error})") from error


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands there twice; name each once")
        found[name] = value
    return found


def _csv(text: str) -> dict[str, Any]:
    rows = csv.DictReader(StringIO(text), strict=True)
    columns = [name.strip() for name in rows.fieldnames or []]
    unknown = sorted(set(columns) - {*CHANNELS, "time", "then", "blink"})
    if "time" not in columns or unknown:
        raise ParamsError(
            f"has the columns {', '.join(columns)[:200] or 'of no table'}: give time and any of {', '.join(CHANNELS)}, "
            "blink, then"
        )
    _once((name.removesuffix("_deg"), None) for name in columns)
    content: dict[str, Any] = {}
    for row in rows:
        if None in row or None in row.values():
            raise ParamsError(f"line {rows.line_num} has another number of cells than the first; fill it up")
        cells = {name.strip(): value.strip() for name, value in row.items()}
        _add_row(content, cells)
    return content


def _add_row(content: dict[str, Any], cells: dict[str, str]) -> None:
    then = {"then": cells["then"]} if cells.get("then") else {}
    for name, value in cells.items():
        if name in CHANNELS and value:
            content.setdefault(CHANNELS[name], []).append({"at": cells["time"], "value": value} | then)
    if cells.get("blink"):
        content.setdefault("blinks", []).append({"at": cells["time"], "for": cells["blink"]})
