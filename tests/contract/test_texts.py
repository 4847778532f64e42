"""What people read: links lead somewhere, and nothing names a folder of one machine."""

import re
import subprocess
from pathlib import Path

from talkedit.assets import ASSETS, PackageMember
from talkedit.closure import PROJECT_ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s#]+)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w|\b[A-Z]:\\\w")
TEXTS = {".md", ".py", ".yaml", ".toml", ".cfg", ""}


def texts() -> list[Path]:
    """Every file of the project in git, or about to be, that people read."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        check=True,
    )
    files = [PROJECT_ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.suffix in TEXTS and file.is_file() and file != Path(__file__)]


def test_the_patterns_find_what_they_should():
    assert MACHINE_PATH.search("see /ho" + "me/ann/talkedit")
    assert MACHINE_PATH.search(r"C:\Users")
    assert not MACHINE_PATH.search("https://example.org/home/page, data/work/x")
    assert LINK.findall("[a](docs/x.md#y) [b](https://example.org) [c](#here)") == ["docs/x.md"]


def test_links_lead_somewhere():
    wrong = [
        f"{file.relative_to(PROJECT_ROOT)}: {target}"
        for file in texts()
        if file.suffix == ".md"
        for target in LINK.findall(file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]
    assert wrong == []


def test_no_folder_of_one_machine():
    wrong = [
        f"{file.relative_to(PROJECT_ROOT)}: {found.group()}"
        for file in texts()
        if (found := MACHINE_PATH.search(file.read_text(encoding="utf-8", errors="replace")))
    ]
    assert wrong == []


def test_the_licence_of_every_package_that_is_fetched_is_told():
    text = (PROJECT_ROOT / "docs/responsible-use.md").read_text()
    packages = {asset.source.requirement for asset in ASSETS.values() if isinstance(asset.source, PackageMember)}
    assert [package for package in packages if "`{}` {}".format(*package.split("==")) not in text] == []
