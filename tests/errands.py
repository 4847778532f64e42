"""What the tests of `talkedit.workers` have other processes do; of its own, so that these import little."""

import os
import signal
from pathlib import Path

from talkedit.errors import MediaError


def square(number: int) -> int:
    return number * number


def read(path: str) -> None:
    raise MediaError(path, "cannot be read")


def die(folder: str) -> None:
    with open(Path(folder) / "deaths", "a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
