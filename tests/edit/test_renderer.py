"""Drawing: what geometry is asked to do, and how clips are blended."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.bench import made_up
from talkedit.edit import renderer
from talkedit.edit.renderer import Renderer
from talkedit.models.lips import OVERSHOOT, Mouth
from talkedit.train.artifact import load_model

N, SIZE_PX = 2, 64


@pytest.mark.parametrize("by_speech", [False, True])
def test_lips_are_moved_further_than_is_asked_whoever_asks(
    untrained: Path, monkeypatch: pytest.MonkeyPatch, by_speech: bool
) -> None:
    mouths, really_guide = list[Mouth](), renderer.guide

    def spy(*args):
        mouths.append(args[5])
        return really_guide(*args)

    monkeypatch.setattr(renderer, "guide", spy)
    drawing, crops, codes = Renderer(load_model(untrained)), made_up.crops(N, SIZE_PX), made_up.attributes(N)
    mel = np.random.default_rng(0).normal(size=(N, 80, 16)).astype(np.float32)
    asked = drawing.heard_lips(mel) if by_speech else crops.lips + np.float32(0.05)
    heads = made_up.heads(codes.pose_deg)
    drawing.draw(crops, heads, crops, mel, codes, None if by_speech else asked)
    assert np.abs(asked - crops.lips).max() > 0.01
    for mouth in mouths:
        np.testing.assert_allclose(mouth.asked, crops.lips + OVERSHOOT * (asked - crops.lips), atol=1e-5)
    assert len(mouths) == 2


def test_a_clips_colours_are_matched_over_its_frames(untrained: Path) -> None:
    """One frame that is darker than the clip's others stays so."""
    original = np.full((10, SIZE_PX, SIZE_PX, 3), 128, np.uint8)
    drawn = original.copy()
    drawn[-1] -= 3
    blended = Renderer(load_model(untrained)).blend(drawn, original)
    middle = blended[:, SIZE_PX // 2, SIZE_PX // 2].astype(int)
    assert (middle[:-1] == 128).all()
    assert (middle[-1] <= 126).all()
