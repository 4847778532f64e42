"""Params as ``dvc exp run -S`` takes them, in Hydra's syntax."""

import re
from typing import Any

# What Hydra takes between two dots; and in braces, where it makes a number of what looks like one.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BRACED = re.compile(r"[A-Za-z0-9_ \t/\\+.$%*@?|()\[\]{}:=,-]+")


def override(section: str, key: str, value: Any) -> str:
    """Sets a parameter to a number, a name or a list of names."""
    if isinstance(value, list):
        return f"{section}.{key}=[{','.join(map(str, value))}]"
    return f"{section}.{key}={'null' if value is None else value}"


def folder_override(system: str, folder: str) -> str | None:
    """Sets the folder of an outside system; None where Hydra has no way to write the system's name.

    Args:
        system: Its name in ``evaluate.systems``, as people write it.
        folder: Any path.
    """
    if _PLAIN.fullmatch(system):
        return f"evaluate.systems.{system}.folder={_quoted(folder)}"
    if not _BRACED.fullmatch(system) or _is_number(system):
        return None
    name = re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", system)
    return f"evaluate.systems={{{name}:{{folder:{_quoted(folder)}}}}}"


def _quoted(text: str) -> str:
    """In single quotes; backslashes count only before a quote and before what would stand for another parameter."""
    escaped = re.sub(r"(\\*)('|\$\{|$)", lambda found: 2 * found[1] + (f"\\{found[2]}" if found[2] else ""), text)
    return f"'{escaped}'"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
