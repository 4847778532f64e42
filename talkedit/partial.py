"""What has arrived of a file so far, so that a transfer that broke off goes on where it was."""

import json
import os
from pathlib import Path

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically


class Partial:
    """A file that is still arriving, and beside it a note of which version of what it is a part.

    Args:
        path: The file; its folder is made if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)

    def n_bytes(self) -> int:
        """How much has arrived."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, origin: str) -> str | None:
        """Which version of `origin` it is a part of; None if of nothing, of something else, or nobody can tell."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        is_known = isinstance(note, dict) and note.get("origin") == origin and self.n_bytes() > 0
        return note.get("version") if is_known else None

    def begin(self, origin: str, version: str | None) -> None:
        """Starts again from nothing; without a version it cannot be gone on with later."""
        self.discard()
        write_atomically(self._note, json.dumps({"origin": origin, "version": version}).encode())

    def append(self, block: bytes) -> None:
        """Adds what comes next.

        Raises:
            TalkeditError: It cannot be written.
        """
        try:
            with open(self.path, "ab") as file:
                file.write(block)
        except OSError as error:
            raise TalkeditError(f"{self.path}: cannot be written ({error.strerror}); free some space") from error

    def finish(self, to: Path) -> None:
        """Gives the whole file its name; the name only ever holds all of it."""
        try:
            with open(self.path, "rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(to)
        except OSError as error:
            raise TalkeditError(f"{to}: cannot be written ({error.strerror}); nothing was changed") from error
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forgets what has arrived."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
