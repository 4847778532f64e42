"""Both ways of reading give the same pictures; the measurements of either count what was read."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.bench.loader import read_in_turns, waited_share
from talkedit.bench.one_by_one import SOUND, read_item, unpack
from talkedit.media.audio import read_wav
from talkedit.shards.clips import load_clip

from .. import tiny

JPEG_LEVELS = 6.0  # how far JPEG pictures are from the crops on average, of 255
T = 5


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return tiny.write_shards(tmp_path / "shards", tiny.corpus())


def test_the_jpegs_show_the_shards_pictures(shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "jpegs"
    folder.mkdir()
    clips = unpack(shards, "train", folder, max_clips=9)
    assert [clip.name for clip in clips] == ["one", "two"]
    sample = tiny.make_sample("one", "train", 1)
    expected = load_clip(sample, tiny.CROP_PX).pictures.permute(0, 2, 3, 1).numpy().astype(float)
    target, source, mel = read_item(clips[0], tiny.CROP_PX, T, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    for pictures in (target, source):
        first = int(rng.integers(sample.n_frames - T + 1))
        assert abs(pictures - expected[first : first + T]).mean() < JPEG_LEVELS
        assert abs(pictures - expected[first : first + T]).mean() < abs(pictures - expected[::-1][:T]).mean()
    assert mel.shape == (T, 80, 16)
    assert len(read_wav(clips[0] / SOUND)[0]) == 20 * 640  # 20 frames of 40 ms at 16 kHz


def test_readings_count_targets_and_sources(shards: Path) -> None:
    turns: list[None] = []
    rounds = read_in_turns(shards, 24, T, 2, 2, lambda: turns.append(None))
    assert len(turns) == len(rounds) == 2
    for theirs, first, second in rounds:
        assert theirs.n_frames == 2 * T * 2  # an item of each clip
        # Two clips of 20 frames give 4 windows each.
        assert first.n_frames == second.n_frames == 2 * T * 8
        assert theirs.cpu_s > 0
        assert second.frames_per_s_per_core == second.n_frames / second.cpu_s


def test_the_share_of_waiting_is_a_share(shards: Path) -> None:
    assert 0 <= waited_share(shards, 24, T, 2, step_s=0.01, n_steps=3) < 1
