"""Both ways of reading give the same pictures; the measurements of either count what was read."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.bench.loader import ANEW, ANEW_FLOATS, FIRST, SECOND, read_in_turns, waited_share
from talkedit.bench.one_by_one import SOUND, _two_starts, read_item, unpack
from talkedit.media.audio import mel_spectrogram, read_wav
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
    expected = load_clip(sample, tiny.CROP_PX).pictures.permute(1, 0, 2, 3).numpy() / 255
    pictures, windows, together, truth = (
        each.numpy() for each in read_item(clips[0], tiny.CROP_PX, T, np.random.default_rng(0))
    )
    rng = np.random.default_rng(0)
    first, other = int(rng.integers(16)), int(rng.integers(15))
    other += other >= first
    for shown, start in ((truth, first), (pictures[3:], other)):
        error = abs(shown - expected[:, start : start + T]).mean()
        assert error < JPEG_LEVELS / 255
        assert error < abs(shown - expected[:, ::-1][:, :T]).mean()
    half = tiny.CROP_PX // 2
    np.testing.assert_array_equal(pictures[:3, :, :half], truth[:, :, :half])
    assert not pictures[:3, :, half:].any()
    sound, _ = read_wav(clips[0] / SOUND)
    assert len(sound) == 20 * 640  # 20 frames of 40 ms at 16 kHz
    mel = mel_spectrogram(sound)
    start = int(3.2 * first)
    np.testing.assert_allclose(together[0], mel[:, start : start + 16], atol=1e-4)
    middle = round(3.2 * (first + 0.5))
    np.testing.assert_allclose(windows[0, 0, :, 8], mel[:, middle], atol=1e-4)
    assert windows.shape == (T, 1, 80, 16)


def test_the_other_frames_are_others() -> None:
    starts = [_two_starts(3, np.random.default_rng(seed)) for seed in range(60)]
    assert set(starts) == {(a, b) for a in range(3) for b in range(3) if a != b}
    assert _two_starts(1, np.random.default_rng(0)) == (0, 0)


def test_readings_count_targets_and_sources(shards: Path) -> None:
    turns: list[None] = []
    rounds = read_in_turns(shards, 24, T, 2, 2, lambda: turns.append(None))
    assert len(turns) == len(rounds) == 2
    for theirs, *ours in rounds:
        assert theirs.n_frames == 2 * T * 2  # an item of each clip
        assert [reading.name for reading in ours] == [FIRST, SECOND, ANEW, ANEW_FLOATS]
        for reading in ours:
            assert reading.n_frames == 2 * T * 8  # two clips of 20 frames give 4 windows each
            assert reading.frames_per_s_per_core == reading.n_frames / reading.cpu_s
        assert theirs.cpu_s > 0


def test_the_share_of_waiting_is_a_share(shards: Path) -> None:
    assert 0 < waited_share(shards, 24, T, 2, step_s=0.01, n_steps=3) < 1
