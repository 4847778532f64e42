"""The import closure is what Python would import, and its hash follows every file of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkedit import closure


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package: a imports room.b (a name of it) and, in a function, room.c; c imports a back; d is alone.

    The package's own `__init__.py` says something, the room's is empty.
    """
    root = tmp_path / "talkedit"
    (root / "room").mkdir(parents=True)
    files = {
        "__init__.py": "VERSION = 1\nif TYPE_CHECKING:\n    import talkedit.d\n",
        "a.py": "import os\nfrom talkedit.room.b import thing\ndef f():\n    from talkedit.room import c\n",
        "room/__init__.py": "",
        "room/b.py": "import numpy\nthing = 1\n",
        "room/c.py": "import talkedit.a\n",
        "d.py": "import talkedit_other\n",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    monkeypatch.setattr(closure, "PACKAGE_ROOT", root)
    monkeypatch.setattr(closure, "PROJECT_ROOT", tmp_path)
    closure._direct_imports.cache_clear()
    yield root
    closure._direct_imports.cache_clear()


def names(root: Path, file: str) -> set[str]:
    return {path.relative_to(root).as_posix() for path in closure.import_closure(root / file)}


def test_closure(package: Path) -> None:
    everything = {"__init__.py", "a.py", "room/b.py", "room/c.py"}  # an empty __init__.py decides nothing
    assert names(package, "a.py") == everything
    assert names(package, "room/c.py") == everything
    assert names(package, "room/b.py") == {"room/b.py"}
    assert names(package, "d.py") == {"d.py"}


def test_a_script_beside_the_package(package: Path) -> None:
    (package.parent / "stage.py").write_text("from talkedit.room import b\n")
    found = {path.name for path in closure.import_closure(package.parent / "stage.py")}
    assert found == {"stage.py", "__init__.py", "b.py"}


def test_the_hash_follows_what_is_imported_and_nothing_else(package: Path) -> None:
    before = closure.code_hash(package / "a.py")
    (package / "d.py").write_text("changed = 1\n")
    assert closure.code_hash(package / "a.py") == before
    (package / "room" / "b.py").write_text("thing = 2\n")
    assert closure.code_hash(package / "a.py") != before
