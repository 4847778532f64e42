"""What is settled by importing the package, before anything else of it is."""

import os
import subprocess
import sys

import pytest

from talkedit.closure import PROJECT_ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch's wheels have GNU's OpenMP on Linux alone")
@pytest.mark.parametrize(
    ("given", "turns"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "0")]
)
def test_threads_of_a_stage_soon_wait_asleep_unless_the_user_says_otherwise(given, turns):
    """OpenMP itself says how long its threads turn in a loop, once PyTorch has loaded it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "stages/train_generator.py", "--help"],
        env=inherited | given | {"OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{turns}'" in done.stderr
