"""The doctor looks at the real machine, and at one with things taken away."""

import importlib.metadata
import io
import os
import sys

import cv2
import pytest
from rich.console import Console

from talkedit import assets, doctor
from talkedit.doctor import MISSING, OK, WARN, Check, checks, render


@pytest.fixture
def by_name(monkeypatch, tmp_path):
    """A function that looks at a machine with an empty cache, and gives the checks by name."""
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path))
    return lambda: {check.name: check for check in checks()}


def test_what_is_installed_is_found(by_name):
    found = by_name()
    assert {found[name].status for name in ("Python", "ffmpeg", "dlib-bin", "opencv-python-headless", "av")} == {OK}
    assert found["torch"].status in (OK, WARN)
    assert "GiB" in found["disk"].found


def test_nothing_is_fetched(by_name, tmp_path):
    found = by_name()
    assert {found[name].status for name in assets.ASSETS} == {WARN}
    assert list(tmp_path.iterdir()) == []


def test_the_licence_of_the_68_points_is_said(by_name):
    assert "300-W" in by_name()["dlib_landmarks_68"].meaning
    assert "commercial" in by_name()["dlib_landmarks_68"].meaning


def test_a_library_that_does_not_import_is_missing(by_name, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)  # Python's own way to make an import fail
    check = by_name()["dlib-bin"]
    assert check.status == MISSING
    assert "pip install dlib-bin" in check.meaning


def test_a_library_of_another_distribution_is_found(by_name, monkeypatch):
    def not_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", not_installed)
    found = by_name()
    assert (found["opencv-python-headless"].status, found["opencv-python-headless"].found) == (OK, cv2.__version__)
    assert found["DVC"].status == OK


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [("echo 9.8.7", OK, "9.8.7"), ("echo no dvc here >&2; exit 1", MISSING, "no dvc here")],
)
def test_dvc_says_itself_which_it_is(by_name, monkeypatch, tmp_path, script, status, said):
    (tmp_path / "dvc").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "dvc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    check = by_name()["DVC"]
    assert (check.status, check.found) == (status, said)


def test_a_bare_path_has_no_git_and_no_dvc_but_the_bundled_ffmpeg(by_name, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_name()
    assert (found["git"].status, found["DVC"].status, found["ffmpeg"].status) == (MISSING, MISSING, OK)
    assert "imageio-ffmpeg" in found["ffmpeg"].meaning


def test_a_fresh_git_identity_is_asked_for(by_name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", str(tmp_path / "none"))
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    check = by_name()["git"]
    assert check.status == WARN
    assert "git config --global user.email" in check.meaning


def test_little_disk_is_a_warning_with_the_amount_advised():
    check = doctor._amount("disk", 1.25, 5, "free here")
    assert (check.status, check.found) == (WARN, "1.2 GiB")
    assert "5 GiB" in check.meaning


def test_the_table_shows_every_word_as_it_is():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render([Check("thing", WARN, "[bold] is no markup here", "meaning")]))
    text = console.export_text()
    assert all(word in text for word in ("thing", "warn", "[bold] is no markup here", "meaning"))
