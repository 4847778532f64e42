"""How many frames are drawn at once."""

import pytest

from talkedit.edit.draw import frames_at_once


@pytest.mark.parametrize(("size_px", "n"), [(48, 4), (336, 4), (384, 4), (512, 2), (600, 1), (2000, 1)])
def test_larger_crops_are_drawn_by_fewer(size_px: int, n: int) -> None:
    """Four up to 384 px; from there on no more pixels than these have together."""
    assert frames_at_once(size_px) == n
