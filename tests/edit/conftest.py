"""The editor of the tiny model, and a second of its person."""

from pathlib import Path

import pytest

from talkedit.edit.editor import Editor

from ..films import remake


@pytest.fixture(scope="session")
def editor(tiny_model: Path) -> Editor:
    return Editor.load(tiny_model)


@pytest.fixture(scope="session")
def second(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 29.97 fps, with sound."""
    return remake(sample_clip, tmp_path_factory.mktemp("second") / "second.mp4", "-t", "1", "-c:a", "copy")
