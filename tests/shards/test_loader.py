"""From shards to windows in memory."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.errors import TalkeditError
from talkedit.shards.loader import (
    Batch,
    LoadedClip,
    draw_batch,
    load_clip,
    load_split,
    read_preparation,
    read_samples,
    shrink,
    stack_windows,
    window,
)

from .. import tiny

IMAGE_PX, T = 24, 5
H264_ERROR = 12  # of 255, in flat parts of a crop


@pytest.fixture(scope="module")
def clips(tiny_shards: Path) -> list[LoadedClip]:
    return load_split(tiny_shards, "train", IMAGE_PX)


def assert_equal(a: Batch, b: Batch) -> None:
    assert a.keys == b.keys
    for one, other in zip(a[1:], b[1:], strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_a_split_is_loaded_at_the_networks_size(clips: list[LoadedClip]) -> None:
    assert [clip.sample.clip_id for clip in clips] == ["one", "two"]
    for clip in clips:
        assert clip.pictures.shape == (20, 3, IMAGE_PX, IMAGE_PX)
        assert clip.pictures.dtype == torch.uint8
        assert clip.mel.shape == (20, 80, 16)
        assert clip.landmarks.shape == (20, 68, 2)
        assert clip.heads.camera.shape == (20, 3)


def test_shrinking_averages_and_keeps_the_colours_in_order() -> None:
    crop = np.zeros((8, 8, 3), np.uint8)
    crop[:, :4, 0], crop[:, 4:, 2] = 200, 100  # red to the left, blue to the right
    small = shrink(crop, 8)
    assert small.shape == (3, 8, 8)
    assert small[:, 0, 0].tolist() == [200, 0, 0]
    assert small[:, 0, 7].tolist() == [0, 0, 100]
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    assert shrink(stripes, 4)[..., 1:3].float().mean() == pytest.approx(100, abs=5)  # not aliased to 0 or 200


def test_landmarks_are_shares_of_the_side(clips: list[LoadedClip]) -> None:
    # Crop pixel 0 reaches from share 0 to 1/40, so its centre is at half of that.
    expected = (clips[0].sample.track.landmarks_px[3, 30] + 0.5) / tiny.CROP_PX
    torch.testing.assert_close(clips[0].landmarks[3, 30], torch.from_numpy(expected))


def test_heads_and_pictures_agree_about_where_things_are(clips: list[LoadedClip]) -> None:
    clip = clips[1]
    for frame in (0, 7):
        place = torch.cat([clip.landmarks[frame, 30], torch.ones(1)])
        in_frame = (clip.heads.frame_from_picture[frame] @ place)[:2].numpy()
        np.testing.assert_allclose(in_frame, clip.sample.track.landmarks_in_frame_px()[frame, 30], atol=1e-3)


def test_pictures_show_the_frame_that_the_landmarks_are_of(clips: list[LoadedClip]) -> None:
    x, y = (clips[0].landmarks[5, 62] * IMAGE_PX).int().tolist()  # the mouth, which is red
    red, green, blue = clips[0].pictures[5, :, y, x].int().tolist()
    assert red > 100 + H264_ERROR
    assert max(green, blue) < red - 50


def test_the_mel_window_is_centred_on_the_middle_of_the_frame(clips: list[LoadedClip]) -> None:
    # Frame 10 lasts from 0.40 to 0.44 s; its middle, 0.42 s, is nearest to step 34 of 80 a second.
    assert np.array_equal(clips[0].mel[10].numpy(), clips[0].sample.mel[:, 34 - 8 : 34 + 8])


def test_a_source_is_never_from_inside_the_target_window(clips: list[LoadedClip]) -> None:
    numbered = [number_frames(clip) for clip in clips]
    for step in range(30):
        batch = draw_batch(numbered, step, seed=0, n_windows=4, n_frames=T)
        for key, target, source in zip(
            batch.keys, frame_numbers(batch.target), frame_numbers(batch.source), strict=True
        ):
            first = int(key.rsplit(":", 1)[1])
            assert target == list(range(first, first + T))
            assert not set(source) & set(target)
            assert len(set(source)) == T
            assert max(source) < 20


def test_every_frame_is_drawn_as_a_target_and_as_a_source(clips: list[LoadedClip]) -> None:
    numbered = [number_frames(clips[0])]
    batches = [draw_batch(numbered, step, 0, n_windows=4, n_frames=T) for step in range(40)]
    for pictures in ("target", "source"):
        seen = {n for batch in batches for row in frame_numbers(getattr(batch, pictures)) for n in row}
        assert seen == set(range(20))


def number_frames(clip: LoadedClip) -> LoadedClip:
    """The clip with pictures that are as bright as their frame's number."""
    numbers = torch.arange(clip.sample.n_frames, dtype=torch.uint8).view(-1, 1, 1, 1)
    return dataclasses.replace(clip, pictures=numbers.expand_as(clip.pictures).clone())


def frame_numbers(pictures: torch.Tensor) -> list[list[int]]:
    return pictures[:, :, 0, 0, 0].tolist()


def test_the_seed_and_the_step_decide_the_windows(clips: list[LoadedClip]) -> None:
    assert_equal(draw_batch(clips, 7, 3, 4, T), draw_batch(clips, 7, 3, 4, T))
    assert draw_batch(clips, 8, 3, 4, T).keys != draw_batch(clips, 7, 3, 4, T).keys
    assert draw_batch(clips, 7, 4, 4, T).keys != draw_batch(clips, 7, 3, 4, T).keys


def test_windows_are_stacked_in_order(clips: list[LoadedClip]) -> None:
    windows = [
        window(clips[0], torch.arange(0, 5), torch.arange(5, 10)),
        window(clips[1], torch.arange(10, 15), torch.arange(0, 5)),
    ]
    batch = stack_windows(windows)
    assert batch.keys == ["one:0", "two:10"]
    shapes = {name: tuple(getattr(batch, name).shape) for name in Batch._fields[1:-2]}
    assert shapes == {
        "target": (2, T, 3, IMAGE_PX, IMAGE_PX),
        "source": (2, T, 3, IMAGE_PX, IMAGE_PX),
        "mel": (2, T, 80, 16),
        "pose_deg": (2, T, 3),
        "emotion": (2, T, 7),
        "eye_openness": (2, T),
        "landmarks": (2, T, 68, 2),
        "source_landmarks": (2, T, 68, 2),
        "source_eye_openness": (2, T),
    }
    assert torch.equal(batch.target[1], clips[1].pictures[10:15])
    assert torch.equal(batch.source[0], clips[0].pictures[5:10])
    assert batch.pose_deg[1].tolist() == clips[1].sample.attributes.pose_deg[10:15].tolist()
    assert torch.equal(batch.source_landmarks[0], clips[0].landmarks[5:10])
    assert batch.source_eye_openness[1].tolist() == clips[1].sample.attributes.eye_openness[:5].tolist()
    # Heads lie window by window: the second window's first frame is row 5.
    assert torch.equal(batch.target_heads.camera_from_head[5], clips[1].heads.camera_from_head[10])
    assert torch.equal(batch.source_heads.frame_from_picture[5], clips[1].heads.frame_from_picture[0])


def test_clips_that_are_too_short_are_not_drawn_from(clips: list[LoadedClip]) -> None:
    short = load_clip(tiny.make_sample("short", "train", 5, n_frames=9), IMAGE_PX)
    batches = [draw_batch([short, clips[0]], step, 0, 4, T) for step in range(10)]
    assert {key.split(":")[0] for batch in batches for key in batch.keys} == {"one"}
    with pytest.raises(TalkeditError, match=r"no training clip has 10 frames.*segment\.clip_s"):
        draw_batch([short], 0, 0, 1, T)


def test_a_split_that_does_not_fit_into_memory_is_refused(tiny_shards: Path) -> None:
    with pytest.raises(TalkeditError, match=r"GB of memory that are free at 10000000 px; lower model\.image_px"):
        load_split(tiny_shards, "train", image_px=10_000_000)


def test_a_missing_split_is_named(tiny_shards: Path) -> None:
    with pytest.raises(TalkeditError, match=r"no shard of the test split; run `dvc repro shards`"):
        list(read_samples(tiny_shards, "test"))


@pytest.mark.parametrize("kept_share", [0.0, 0.3, 0.6])
def test_a_truncated_shard_is_one_sentence(tiny_shards: Path, tmp_path: Path, kept_share: float) -> None:
    content = (tiny_shards / "train-000000.tar").read_bytes()
    (tmp_path / "train-000000.tar").write_bytes(content[: int(len(content) * kept_share)])
    with pytest.raises(TalkeditError, match=r"damaged .*run `dvc repro -f shards`"):
        list(read_samples(tmp_path, "train"))


@pytest.mark.parametrize("damage", ["short", "noise", "empty"])
def test_damaged_crops_are_one_sentence(damage: str) -> None:
    sample, shorter = tiny.corpus()[0], tiny.make_sample("one", "train", 1, n_frames=12)
    crops = {"short": shorter.crops_mp4, "noise": bytes(range(256)) * 20, "empty": b""}[damage]
    with pytest.raises(TalkeditError, match="'one' is damaged"):
        load_clip(dataclasses.replace(sample, crops_mp4=crops), IMAGE_PX)


def test_how_the_shards_were_made_can_be_read(tiny_shards: Path, tmp_path: Path) -> None:
    assert read_preparation(tiny_shards)["attributes"]["pose"] == "landmarks"
    shutil.copy(tiny_shards / "train-000000.tar", tmp_path)
    with pytest.raises(TalkeditError, match=r"preparation\.json: cannot be read; run `dvc repro shards`"):
        read_preparation(tmp_path)
    (tmp_path / "preparation.json").write_text("{")
    with pytest.raises(TalkeditError, match="cannot be read"):
        read_preparation(tmp_path)
