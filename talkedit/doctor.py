"""What talkedit finds on this machine, and what each missing thing means. Looks only: nothing is fetched or changed."""

import importlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from talkedit import assets
from talkedit.cores import n_cores
from talkedit.errors import TalkeditError
from talkedit.media.ffmpeg import ffmpeg_path

OK, WARN, MISSING = "ok", "warn", "missing"
_STYLES = {OK: "green", WARN: "yellow", MISSING: "bold red"}
_GIB = 2**30
_ENOUGH_MEMORY_GIB = 8
_ENOUGH_DISK_GIB = 5
_LIBRARIES = {  # what to import, the distribution that has it, and what it does here
    "dlib": ("dlib-bin", "finds faces and their 68 points"),
    "cv2": ("opencv-python-headless", "cuts heads out and puts them back"),
    "av": ("av", "reads and writes video"),
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Attributes:
        name: What it is.
        status: ``ok``, ``warn`` (works, but know this) or ``missing`` (something does not work).
        found: What is there: a version, a size, a path.
        meaning: What follows from it, and what to do.
    """

    name: str
    status: str
    found: str
    meaning: str


def checks() -> list[Check]:
    """Looks at everything that talkedit uses; takes about as long as importing torch."""
    libraries = [_library(module, *about) for module, about in _LIBRARIES.items()]
    return [_python(), _torch(), _ffmpeg(), *libraries, _dvc(), _git(), *_machine(), *map(_asset, assets.ASSETS)]


def render(found: list[Check]) -> Table:
    """The checks as a table for the terminal."""
    table = Table("", "looked for", "found", "what it means", box=SIMPLE_HEAD, pad_edge=False)
    for check in found:
        status = Text(check.status, style=_STYLES[check.status])
        table.add_row(status, Text(check.name), Text(check.found, overflow="fold"), Text(check.meaning))
    return table


def _python() -> Check:
    return Check("Python", OK, platform.python_version(), "3.11 or newer is needed")


def _torch() -> Check:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return Check("torch", MISSING, _first_line(error), "no model can be trained or used; pip install -e . again")
    if torch.cuda.is_available():
        return Check("torch", OK, f"{torch.__version__}, {torch.cuda.get_device_name()}", "models run on the GPU")
    return Check(
        "torch",
        WARN,
        f"{torch.__version__}, CPU only",
        "the sample's small model trains in minutes; raise model.image_px and model.width only where there is a GPU",
    )


def _ffmpeg() -> Check:
    try:
        path = ffmpeg_path()
    except TalkeditError as error:
        return Check("ffmpeg", MISSING, "not found", str(error))
    bundled = shutil.which("ffmpeg") is None
    meaning = "not on PATH: the one that came with imageio-ffmpeg is used" if bundled else "the one on PATH is used"
    return Check("ffmpeg", OK, path, f"{meaning}; it joins picture and sound, PyAV does the rest")


def _library(module: str, distribution: str, purpose: str) -> Check:
    try:
        library = importlib.import_module(module)
    except (ImportError, OSError) as error:
        meaning = f"{purpose}, which cannot be done now; pip install {distribution}"
        return Check(distribution, MISSING, _first_line(error), meaning)
    # Not the distribution's version: cv2, say, may have come with opencv-python or from conda.
    return Check(distribution, OK, getattr(library, "__version__", "of no known version"), purpose)


def _dvc() -> Check:
    if shutil.which("dvc") is None:
        meaning = "the pipeline cannot run; pip install dvc, or activate the environment that has it"
        return Check("DVC", MISSING, "no dvc on PATH", meaning)
    # Asked itself: it may live in an environment of its own.
    done = subprocess.run(["dvc", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        last_words = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Check("DVC", MISSING, last_words, "the pipeline cannot run: dvc does not start; pip install dvc again")
    return Check("DVC", OK, done.stdout.strip(), "runs the stages: dvc repro")


def _git() -> Check:
    if shutil.which("git") is None:
        return Check("git", MISSING, "no git on PATH", "DVC keeps experiments in git; install it")
    missing = [key for key in ("user.name", "user.email") if not _git_value(key)]
    if missing:
        commands = "; ".join(f'git config --global {key} "..."' for key in missing)
        return Check("git", WARN, f"no {' and no '.join(missing)}", f"dvc exp run cannot save experiments: {commands}")
    return Check("git", OK, f"{_git_value('user.name')} <{_git_value('user.email')}>", "experiments are saved as this")


def _git_value(key: str) -> str:
    # git itself takes the variable before the configuration
    variable = os.environ.get({"user.name": "GIT_COMMITTER_NAME", "user.email": "GIT_COMMITTER_EMAIL"}[key])
    done = subprocess.run(["git", "config", key], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return variable or done.stdout.strip()


def _machine() -> Iterator[Check]:
    yield Check("CPU", OK, f"{n_cores()} cores", "the sample and its params are made for two")
    if hasattr(os, "sysconf"):
        memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB
        yield _amount(
            "memory", memory_gib, _ENOUGH_MEMORY_GIB, "training keeps a batch in memory, editing a few frames"
        )
    disk_gib = shutil.disk_usage(Path.cwd()).free / _GIB
    yield _amount("disk", disk_gib, _ENOUGH_DISK_GIB, "free here; data, models and DVC's cache lie in this folder")


def _amount(name: str, gib: float, enough_gib: float, meaning: str) -> Check:
    status, advice = (OK, meaning) if gib >= enough_gib else (WARN, f"{meaning}; {enough_gib} GiB are advised")
    return Check(name, status, f"{gib:.1f} GiB", advice)


def _asset(name: str) -> Check:
    asset = assets.ASSETS[name]
    about = f"{asset.note} Licence: {asset.licence}."
    if assets.is_cached(name):
        return Check(name, OK, "in the cache, SHA-256 checked", about)
    size = f"{asset.size_bytes / 1e6:.1f} MB"
    return Check(name, WARN, f"not in {assets.cache_folder()}", f"{about} Fetched when first needed ({size}).")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
