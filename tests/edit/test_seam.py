"""A border that can be seen is told from one that cannot."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.edit.editor import Editor
from talkedit.edit.seam import seam_ratio
from talkedit.edit.timeline import Timeline
from talkedit.face.paste import feathered_mask
from talkedit.media.rewrite import Encoding

# The gradient across the border may become this much steeper: measured 0.99 (median) and 1.03 (worst) on the sample.
SEAM_MEDIAN, SEAM_WORST = 1.1, 1.3


def ramp() -> np.ndarray:
    """(40, 40, 3): brightness rises by 2 a pixel to the right."""
    return np.repeat(np.tile(np.arange(40, dtype=np.uint8) * 2, (40, 1))[..., None], 3, axis=2)


def test_the_same_picture_has_no_seam() -> None:
    mask = feathered_mask(40, (0.25, 0.25, 0.75, 0.75), 0.1)
    assert seam_ratio(ramp(), ramp(), mask) == 1
    assert seam_ratio(ramp(), ramp(), np.zeros((40, 40), np.float32)) == 1


def test_a_step_at_the_border_is_a_seam_of_known_size() -> None:
    """A wall of one brightness, the right half raised by 40 behind a hard edge: 20 a pixel over the edge's two pixels.

    On a plain wall nothing is divided by but the one grey level that nobody sees: (20 + 1) / (0 + 1).
    """
    wall, after = np.full((40, 40, 3), 100, np.uint8), np.full((40, 40, 3), 100, np.uint8)
    after[:, 20:] = 140
    mask = np.zeros((40, 40), np.float32)
    mask[:, 20:] = 1
    assert seam_ratio(wall, after, mask) == pytest.approx(21)


def test_edits_of_real_footage_show_no_seam(editor: Editor, second: Path, tmp_path: Path) -> None:
    report = editor.edit(second, tmp_path / "out.mp4", Timeline(yaw_deg="+8"), Encoding(preset="ultrafast"), None)
    assert len(report.seam) == report.n_edited == 30
    assert np.median(report.seam) < SEAM_MEDIAN
    assert max(report.seam) < SEAM_WORST
