"""Work kept from one run to the next: which results in a stage's folder are still good.

A stage whose output DVC keeps (`persist: true`) asks for each item whether what lies there was made by the same
params, code and inputs. Anything else is made again, and what is no longer wanted is removed.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from talkedit.errors import TalkeditError

FILE_NAME = "manifest.json"
_NEW_NAME = "manifest.jsonl"  # what was recorded since; to write all of it for each of thousands of items takes minutes


def content_key(**parts: Any) -> str:
    """One hash for everything that a result depends on; parts must be JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that its name only ever holds the old content or all of the new."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TalkeditError(f"{path}: cannot be written ({error.strerror}); nothing was changed") from error


class Manifest:
    """The record of what a folder holds, one entry an item, each on the disk as soon as it is recorded.

    Args:
        folder: The stage's output folder; made if missing.

    Raises:
        TalkeditError: It holds files that no stage made, which `prune` would remove.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not any((folder / name).is_file() for name in (FILE_NAME, _NEW_NAME)):
            others = [path.name for path in folder.iterdir() if path.is_file()]
            if others:
                raise TalkeditError(f"{folder}: holds {min(others)}, which no stage made; name an empty folder")
            write_atomically(folder / FILE_NAME, b"{}")
        self._entries: dict[str, dict[str, Any]] = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        texts = [_text(self.folder / FILE_NAME), *_text(self.folder / _NEW_NAME).splitlines()]
        return {item: entry for text in texts for item, entry in _entries_of(text).items()}

    def items(self) -> set[str]:
        """Everything that is recorded."""
        return set(self._entries)

    def reuse(self, item: str, key: str) -> dict[str, Any] | None:
        """The row recorded for `item`, if it was made under the same `key` and its files are as they were."""
        entry = self._entries.get(item)
        if not entry or entry.get("key") != key:
            return None
        for name, sha256 in entry["files"].items():
            path = self.folder / name
            if not path.is_file() or file_sha256(path) != sha256:
                return None
        return entry["row"]

    def record(self, item: str, key: str, files: list[str], row: dict[str, Any]) -> None:
        """Notes that `item` was made under `key`, with these files (names in the folder) and this table row.

        Raises:
            TalkeditError: It cannot be written.
        """
        hashes = {name: file_sha256(self.folder / name) for name in sorted(files)}
        self._entries[item] = {"key": key, "files": hashes, "row": row}
        path = self.folder / _NEW_NAME
        try:
            with open(path, "ab") as file:  # a line of its own, whatever a run that was killed left of its last
                file.write(f"\n{json.dumps({item: self._entries[item]})}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TalkeditError(f"{path}: cannot be written ({error.strerror}); free some space") from error

    def prune(self, keep: set[str], also_keep: frozenset[str] = frozenset()) -> list[str]:
        """Forgets every item not in `keep` and removes every file that no kept item owns.

        Args:
            keep: Items that are wanted.
            also_keep: File names in the folder that belong to no item, such as the stage's table.

        Returns:
            The names of the files that were removed.
        """
        self._entries = {item: entry for item, entry in self._entries.items() if item in keep}
        write_atomically(self.folder / FILE_NAME, json.dumps(self._entries, indent=1, sort_keys=True).encode())
        (self.folder / _NEW_NAME).unlink(missing_ok=True)
        owned = {name for entry in self._entries.values() for name in entry["files"]} | also_keep | {FILE_NAME}
        strangers = [path for path in self.folder.iterdir() if path.is_file() and path.name not in owned]
        for path in strangers:
            path.unlink()
        return sorted(path.name for path in strangers)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _entries_of(text: str) -> dict[str, dict[str, Any]]:
    """What can be trusted: of a text that is damaged, nothing."""
    try:
        entries = json.loads(text)
    except ValueError:
        return {}
    return {item: entry for item, entry in entries.items() if _is_entry(entry)} if isinstance(entries, dict) else {}


def _is_entry(entry: Any) -> bool:
    kinds = {"key": str, "files": dict, "row": dict}
    return isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in kinds.items())
