"""Params as ``dvc exp run -S`` takes them, in Hydra's syntax."""

import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")  # what Hydra takes between two dots


def override(section: str, key: str, value: Any) -> str:
    """Sets a parameter to a number, a name or a list of names."""
    if isinstance(value, list):
        return f"{section}.{key}=[{','.join(map(str, value))}]"
    return f"{section}.{key}={'null' if value is None else value}"


def folder_override(system: str, folder: str) -> str | None:
    """Sets the folder of an outside system; None where Hydra cannot take the system's name as a key.

    Args:
        system: Its name in ``evaluate.systems``, as people write it.
        folder: Any path.
    """
    return f"evaluate.systems.{system}.folder={_quoted(folder)}" if _PLAIN.fullmatch(system) else None


def _quoted(text: str) -> str:
    """In single quotes; backslashes count only before a quote and before what would stand for another parameter."""
    escaped = re.sub(r"(\\*)('|\$\{|$)", lambda found: 2 * found[1] + (f"\\{found[2]}" if found[2] else ""), text)
    return f"'{escaped}'"
