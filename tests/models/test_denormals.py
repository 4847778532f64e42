"""Numbers next to zero become zero wherever networks run."""

import subprocess
import sys

import pytest

from ..conftest import PROJECT_ROOT

SETUPS = {
    "training": "from talkedit.train.machine import make_fabric\nmake_fabric()",
    "itself": "from talkedit.models.denormals import flush_denormals\nflush_denormals()",
}
COUNT = """
import threading
import torch

def n_left():
    return int((torch.full((1 << 20,), 1e-38) * 0.1).count_nonzero())  # large enough to be shared out

torch.set_num_threads(2)
found = []
thread = threading.Thread(target=lambda: found.append(n_left()))
thread.start()
thread.join()
print(n_left(), *found)
"""


def run(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("setup", SETUPS)
def test_they_are_zero_in_all_threads(setup: str) -> None:
    assert run(SETUPS[setup] + COUNT) == [0, 0]


def test_otherwise_they_are_kept() -> None:
    assert run("import talkedit" + COUNT) == [1 << 20, 1 << 20]
