"""One clip, decoded."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from talkedit.errors import TalkeditError
from talkedit.media.video import write_video
from talkedit.records import CLIP_FPS
from talkedit.shards.clips import LoadedClip, decode_crops, load_clip, shrink
from talkedit.shards.samples import Sample

from .. import tiny
from .conftest import IMAGE_PX

H264_ERROR = 12  # of 255, in flat parts of a crop


def test_clips_are_loaded_at_the_networks_size(clips: list[LoadedClip]) -> None:
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


@pytest.mark.parametrize("image_px", [24, 96, 128])
def test_shrinking_bytes_is_shrinking_floats_to_one_level(image_px: int) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    picture = torch.from_numpy(crop).permute(2, 0, 1)[None].float()
    exact = F.interpolate(picture, size=(image_px, image_px), mode="bilinear", antialias=True, align_corners=False)[0]
    assert (shrink(crop, image_px) - exact).abs().max() <= 1.01


@pytest.mark.parametrize(("size_px", "image_px"), [(40, 24), (40, 40), (48, 48)])  # 40 is no multiple of 16
def test_a_clip_s_pictures_are_its_crops_each_shrunk_by_itself(size_px: int, image_px: int, tmp_path: Path) -> None:
    sample, random = tiny.corpus()[0], np.random.default_rng(0)
    images = [random.integers(0, 256, (size_px, size_px, 3)).astype(np.uint8) for _ in range(sample.n_frames)]
    write_video(tmp_path / "crops.mp4", images, CLIP_FPS, crf=10)
    track = dataclasses.replace(sample.track, size_px=size_px)
    sample = dataclasses.replace(sample, crops_mp4=(tmp_path / "crops.mp4").read_bytes(), track=track)
    crops = list(decode_crops(sample))
    pictures = load_clip(sample, image_px).pictures
    assert torch.equal(pictures, torch.stack([shrink(crop, image_px) for crop in crops]))
    if image_px == size_px:
        assert torch.equal(pictures, torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))


@pytest.mark.parametrize("shown", [range(25, 50), range(50, 77), range(11), range(30, 58)])
def test_a_part_of_a_clip_is_that_part_of_all_its_pictures(shown: range) -> None:
    sample = tiny.make_sample("long", "train", 1, n_frames=77)
    whole, part = load_clip(sample, IMAGE_PX), load_clip(sample, IMAGE_PX, shown)
    assert (whole.shown, part.shown) == (range(77), shown)
    assert torch.equal(part.pictures, whole.pictures[shown.start : shown.stop])
    assert torch.equal(part.numbers, whole.numbers)


def test_a_part_that_begins_at_a_key_frame_needs_nothing_before_it_or_after() -> None:
    sample = tiny.make_sample("long", "train", 1, n_frames=77)
    with av.open(io.BytesIO(sample.crops_mp4)) as video:
        packets = [(packet.pts, packet.pos, packet.size, packet.is_keyframe) for packet in video.demux() if packet.size]
    starts = [pos for pts, pos, size, is_key in packets if is_key]
    assert len(starts) == 4
    broken = bytearray(sample.crops_mp4)
    for _, pos, size, _ in packets:
        if not starts[1] <= pos < starts[2]:
            broken[pos : pos + size] = bytes(size)
    damaged = dataclasses.replace(sample, crops_mp4=bytes(broken))
    part = load_clip(damaged, IMAGE_PX, range(25, 50)).pictures
    assert torch.equal(part, load_clip(sample, IMAGE_PX).pictures[25:50])
    with pytest.raises(TalkeditError, match="'long' is damaged"):
        load_clip(damaged, IMAGE_PX)


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


def rewritten(sample: Sample, change: Callable[[int, av.Packet], list[av.Packet]], kind: str = "mp4") -> Sample:
    """The sample with other packets: what `change` makes of the one at each place."""
    out = io.BytesIO()
    with av.open(io.BytesIO(sample.crops_mp4)) as old, av.open(out, "w", format=kind) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for index, packet in enumerate(packet for packet in old.demux(video=0) if packet.size):
            for each in change(index, packet):
                each.stream = stream
                new.mux(each)
    return dataclasses.replace(sample, crops_mp4=out.getvalue())


def test_a_frame_too_many_at_the_time_of_another_is_damage() -> None:
    """Two frames of one time stamp among 77: of 76 others nobody knows which is which."""
    sample = tiny.make_sample("long", "train", 1, n_frames=78)

    def at_one_time(index: int, packet: av.Packet) -> list[av.Packet]:
        if index == 77:
            packet.pts = packet.pts - packet.duration
        return [packet]

    doubled = rewritten(dataclasses.replace(sample, heads=sample.heads[:77]), at_one_time, "matroska")
    with pytest.raises(TalkeditError, match="'long' is damaged"):
        load_clip(doubled, IMAGE_PX, range(25, 50))


def test_a_file_without_a_picture_or_with_pictures_that_are_not_square_is_damage(tmp_path: Path) -> None:
    sample, sound = tiny.corpus()[0], io.BytesIO()
    with av.open(sound, "w", format="mp4") as container:
        container.add_stream("aac", rate=16_000)
        container.mux([])
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(container.streams.audio[0].encode(frame))
        container.mux(container.streams.audio[0].encode(None))
    flat = [np.zeros((tiny.CROP_PX // 2, tiny.CROP_PX, 3), np.uint8)] * sample.n_frames
    write_video(tmp_path / "flat.mp4", flat, CLIP_FPS, crf=10)
    for crops in (sound.getvalue(), (tmp_path / "flat.mp4").read_bytes()):
        damaged = dataclasses.replace(sample, crops_mp4=crops)
        with pytest.raises(TalkeditError, match="'one' is damaged"):
            load_clip(damaged, IMAGE_PX)
        with pytest.raises(TalkeditError, match="'one' is damaged"):
            list(decode_crops(damaged))


@pytest.mark.parametrize("damage", ["short", "long", "wide", "noise", "empty"])
def test_damaged_crops_are_one_sentence(damage: str) -> None:
    sample, other = tiny.corpus()[0], tiny.make_sample("one", "train", 1, n_frames=12)
    if damage == "long":
        sample, other = other, sample
    noise = {"noise": bytes(range(256)) * 20, "empty": b""}
    damaged = dataclasses.replace(sample, crops_mp4=noise.get(damage, other.crops_mp4))
    if damage == "wide":
        track = dataclasses.replace(sample.track, size_px=tiny.CROP_PX - 2)
        damaged = dataclasses.replace(sample, track=track)
    with pytest.raises(TalkeditError, match="'one' is damaged"):
        load_clip(damaged, IMAGE_PX)
    with pytest.raises(TalkeditError, match="'one' is damaged"):
        list(decode_crops(damaged))
