"""The part of the checks that no other test would notice failing: a skip that nobody explained."""

import os
import subprocess
import sys

from talkedit.closure import PROJECT_ROOT

SUITE = """
import pytest

def test_runs(): pass

@pytest.mark.skip(reason="needs a GPU")
def test_device(): pass

@pytest.mark.skip(reason="the real footage (../shared/media) is not on this machine")
def test_footage(): pass
"""
UNEXPLAINED = """
@pytest.mark.skip(reason="did not feel like it")
def test_mood(): pass

@pytest.mark.skip
def test_silent(): pass
"""


def explain_skips(folder, suite: str) -> subprocess.CompletedProcess[str]:
    """Runs a suite, and the script over its report."""
    (folder / "test_suite.py").write_text(suite)
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml", "."]
    subprocess.run(pytest_run, cwd=folder, env=environment, capture_output=True, check=True)
    script = [sys.executable, PROJECT_ROOT / ".ci" / "explain_skips.py", folder / "report.xml"]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_a_gpu_or_footage_that_is_not_here_explains_a_skip(tmp_path):
    done = explain_skips(tmp_path, SUITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 tests skipped")


def test_any_other_reason_fails_and_is_named(tmp_path):
    done = explain_skips(tmp_path, SUITE + UNEXPLAINED)
    assert done.returncode == 1
    assert "test_mood: did not feel like it" in done.stderr
    assert "test_silent" in done.stderr
    assert "test_device" not in done.stderr
