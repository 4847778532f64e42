"""The lock file: what assets without a published SHA-256 hashed to when each was first fetched.

It says that a file is the same as the first time, not that it was the right one then. Kept with a project, it makes
sure that everybody has the same.
"""

import json
import os
from pathlib import Path

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically

FILE_NAME = "assets.lock.json"


def lock_path(cache_folder: Path) -> Path:
    """Where it lies: where the environment variable ``TALKEDIT_ASSET_LOCK`` says, else in the cache folder."""
    return Path(os.environ.get("TALKEDIT_ASSET_LOCK") or cache_folder / FILE_NAME)


def locked_sha256(path: Path, name: str) -> str | None:
    """The hash that was recorded for an asset, or None.

    Raises:
        TalkeditError: The file is damaged: without it, nobody can tell whether an asset has changed.
    """
    return _read(path).get(name)


def lock_sha256(path: Path, name: str, sha256: str) -> None:
    """Records a hash; the others stay."""
    entries = _read(path) | {name: sha256}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(entries, indent=1, sort_keys=True) + "\n").encode())


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkeditError(
            f"{path}: cannot be read ({error}); restore it, or delete it to trust what is there"
        ) from error
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        raise TalkeditError(f"{path}: is no lock file of assets; restore it, or delete it to trust what is there")
    return entries
