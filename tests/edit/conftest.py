"""An editor of a model that never trained, and a second of footage."""

from pathlib import Path

import pytest

from talkedit.edit.editor import Editor

from ..films import remake
from .untrained import save_untrained


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, to be read only."""
    return save_untrained(tmp_path_factory.mktemp("untrained") / "generator")


@pytest.fixture(scope="session")
def editor(untrained: Path) -> Editor:
    return Editor.load(untrained)


@pytest.fixture(scope="session")
def second(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 29.97 fps, with sound."""
    return remake(sample_clip, tmp_path_factory.mktemp("second") / "second.mp4", "-t", "1", "-c:a", "copy")
