"""The films of `films.py`, in the test's own folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .films import make_film


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Makes a film of some name in the test's folder."""
    return lambda name="film.mp4", **settings: make_film(tmp_path / name, **settings)
