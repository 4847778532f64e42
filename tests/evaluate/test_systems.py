"""Result videos of other systems: brought to the clip's crops, or refused with what to do."""

import json
from pathlib import Path

import numpy as np
import pytest

from talkedit.errors import ParamsError, TalkeditError
from talkedit.evaluate.footage import load_footage
from talkedit.evaluate.systems import OutsideSystem, SystemParams
from talkedit.evaluate.tools import Held, Look
from talkedit.media.video import write_video
from talkedit.records import CLIP_FPS

from ..tiny import CROP_PX, FRAME_SIZE_PX, make_sample

SAMPLE = make_sample("three", "validation", 3)
T = SAMPLE.n_frames
ENCODING_LEVELS = 6


@pytest.fixture
def held() -> Held:
    footage = load_footage(SAMPLE, np.arange(T))
    look = Look(*(np.zeros(shape, np.float32) for shape in ((T, 468, 3), (T, 68, 2), (T, 128))))
    return Held(SAMPLE, footage, np.zeros((T, 80, 16), np.float32), look)


def results(folder: Path, kind: str, frames: list[np.ndarray], file: str = "three.mp4") -> OutsideSystem:
    write_video(folder / "three.mp4", frames, CLIP_FPS, crf=5)
    (folder / "manifest.json").write_text(json.dumps({"kind": kind, "videos": {"three": file}}))
    return OutsideSystem("Other", folder)


def test_crops_of_another_size_are_brought_to_that_of_the_clip(tmp_path: Path, held: Held) -> None:
    system = results(tmp_path, "crop", [np.full((80, 80, 3), 10 * at, np.uint8) for at in range(T)])
    video = system.video(held)
    assert system.has("three")
    assert not system.has("four")
    assert video.shape == (T, CROP_PX, CROP_PX, 3)
    assert np.abs(video.mean(axis=(1, 2, 3)) - 10 * np.arange(T)).max() < ENCODING_LEVELS


def test_of_full_frames_the_clips_own_crop_is_cut(tmp_path: Path, held: Held) -> None:
    width, height = FRAME_SIZE_PX
    ramp = np.repeat(np.linspace(0, 250, width).astype(np.uint8)[None, :, None], 3, axis=2).repeat(height, axis=0)
    video = results(tmp_path, "frame", [ramp] * T).video(held)
    x = SAMPLE.track.frame_from_crop[0] @ (CROP_PX / 2, CROP_PX / 2, 1)
    assert video.shape == (T, CROP_PX, CROP_PX, 3)
    assert abs(video[0, CROP_PX // 2, CROP_PX // 2].mean() - 250 * x[0] / (width - 1)) < ENCODING_LEVELS


def test_a_video_of_another_length_is_refused(tmp_path: Path, held: Held) -> None:
    system = results(tmp_path, "crop", [np.zeros((40, 40, 3), np.uint8)] * (T - 1))
    with pytest.raises(TalkeditError, match="25 frames a second"):
        system.video(held)


def test_a_manifest_leads_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="outside the folder"):
        results(tmp_path, "crop", [np.zeros((40, 40, 3), np.uint8)], "../three.mp4")
    with pytest.raises(ParamsError, match=r"evaluate\.systems\.Other\.folder"):
        OutsideSystem("Other", tmp_path / "nowhere")


def test_a_system_has_results_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either a folder"):
        SystemParams(folder=None, reason=None)
