"""Every module imports alone, and what it imports is declared in pyproject.toml."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from talkedit.closure import PROJECT_ROOT

from . import source
from .test_layers import libraries

RUN_AS_PROGRAMS = {"dvc"}
NOT_IN_THEIR_METADATA = {"dlib": ["dlib-bin"]}  # its wheel names only the compiled part


def providers() -> dict[str, list[str]]:
    """Which distributions have the library of a name, by that name."""
    return {**importlib.metadata.packages_distributions(), **NOT_IN_THEIR_METADATA}


def declared(*extras: str) -> set[str]:
    """Names of the distributions that the package requires, and its extras of these names."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = sum((project["optional-dependencies"][extra] for extra in extras), project["dependencies"])
    return {_canonical(re.split(r"[^\w.-]", requirement)[0]) for requirement in wanted}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_every_module_imports_alone():
    script = Path(__file__).with_name("import_each.py")
    done = subprocess.run(
        [sys.executable, script, *source.all_files()], capture_output=True, text=True, cwd=PROJECT_ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_that_does_not_import_is_found(tmp_path):
    broken, whole = tmp_path / "broken.py", tmp_path / "whole.py"
    broken.write_text("from talkedit.records import nothing_of_this_name\n")
    whole.write_text("from talkedit.records import Clip\n")
    script = Path(__file__).with_name("import_each.py")
    done = subprocess.run([sys.executable, script, broken, whole], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing_of_this_name" in done.stdout
    assert "whole.py" not in done.stdout


def test_every_library_is_declared():
    known = providers()
    wrong = [
        f"{source.shown(file)} imports {library}, but no dependency in pyproject.toml has it"
        for file in source.all_files()
        for library in sorted(libraries(source.imports(file)))
        if not {_canonical(name) for name in known.get(library, [])} & declared("web", "ray")
    ]
    assert wrong == []


def test_every_dependency_is_used():
    known = providers()
    imported = set().union(*(libraries(source.imports(file)) for file in source.all_files()))
    used = {_canonical(name) for library in imported for name in known.get(library, [])}
    assert declared() - used - RUN_AS_PROGRAMS == set()
