"""A model draws the person that it is of, and says so where it is given somebody else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talkedit.edit.editor import Editor
from talkedit.edit.measure import Measured
from talkedit.edit.stranger import stranger
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Wanted
from talkedit.errors import ModelError
from talkedit.face.detect import FaceDetector, LandmarkPredictor
from talkedit.face.geometry import grey
from talkedit.face.identity import describe
from talkedit.media.video import read_frames
from talkedit.records import Doubles

TURN = Timeline(yaw_deg="+3")


@pytest.fixture(scope="module")
def measured(editor: Editor, second: Path) -> Measured:
    return editor.measure(second)


@pytest.fixture(scope="module")
def him(sample_clip: Path) -> Doubles:
    """From a frame that the fixture `second` does not show, and not from the places that the editor found."""
    image = list(read_frames(sample_clip))[120].image
    plane = grey(image)
    box = FaceDetector()(plane)
    assert box is not None
    return describe(image, LandmarkPredictor()(plane, box))


def far_from(descriptor: Doubles, distance: float) -> Doubles:
    return descriptor + distance / np.sqrt(len(descriptor))


def test_the_person_of_the_footage_is_no_stranger(editor: Editor, measured: Measured, him: Doubles) -> None:
    assert stranger(measured, replace(editor.model, who=him)) == []
    assert stranger(measured, replace(editor.model, who=None)) == []


def test_somebody_else_is_refused_unless_forced(editor: Editor, second: Path, him: Doubles, tmp_path: Path) -> None:
    model = replace(editor.model, who=far_from(him, 1.5))
    other = Editor(model)
    expected = r"second\.mp4 shows another face than the footage of .*generator \(1\.\d+ apart, .*less than 0\.6\)"
    with pytest.raises(ModelError, match=rf"{expected}: name that person's model, .*; add --force \(in Python: force"):
        other.edit(second, tmp_path / "out.mp4", TURN)
    assert list(tmp_path.iterdir()) == []
    _, forced = other.plan(second, Wanted(TURN, force=True))
    assert len(forced) == 1
    assert forced[0].startswith("second.mp4 shows another face")


def test_another_man_is_told_from_him(editor: Editor, him: Doubles, shared_media: Path) -> None:
    measured = editor.measure(shared_media / "grid_s1" / "bbaf2n.mp4")
    (sentence,) = stranger(measured, replace(editor.model, who=him))
    assert "bbaf2n.mp4 shows another face" in sentence
