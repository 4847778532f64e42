"""Frames are all there, upright, and at their exact times."""

import gc
import os
import shutil
import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from talkedit.errors import MediaError
from talkedit.media.video import Reader, measure_duration_s, probe, read_frames, read_frames_at, write_video

from ..films import remake
from .films import HEIGHT_PX, WIDTH_PX, full_disk, number_of, numbered_image, tone

COLOUR_TOLERANCE = 12  # of 255, after lossy coding
N_BYTES_CUT = 1200  # of 4000 that 100 frames take


def test_every_frame_is_read_once_in_order_to_the_last(film) -> None:
    frames = list(read_frames(film()))
    assert [number_of(frame.image) for frame in frames] == list(range(50))
    assert [frame.time_s for frame in frames] == [Fraction(i, 25) for i in range(50)]


def test_a_frame_that_was_read_is_gone_at_once(film) -> None:
    gc.collect()
    gc.disable()  # what only the collector finds stays
    try:
        reader = Reader(film())
        n_before = _n_frames_alive()
        assert len(list(reader)) > 20
        assert _n_frames_alive() <= n_before
    finally:
        gc.enable()


def _n_frames_alive() -> int:
    return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())


def test_variable_frame_times_are_exact(film) -> None:
    stamps = [0, 3003, 6006, 15015, 15016, 90_000]
    frames = list(read_frames(film(stamps=stamps, time_base=Fraction(1, 90_000))))
    assert [frame.time_s for frame in frames] == [Fraction(stamp, 90_000) for stamp in stamps]


def test_times_count_from_the_first_frame(film) -> None:
    path = film(stamps=[100, 101, 102], sound_s=(0.0, np.zeros(48_000, np.float32)))
    assert probe(path).start_s == 4
    assert [frame.pts for frame in read_frames(path)] == [frame.time_s * 25 for frame in read_frames(path)] == [0, 1, 2]


def test_probe(film) -> None:
    info = probe(film(size_px=(96, 64)))
    assert (info.width_px, info.height_px, info.codec, info.pixel_format) == (96, 64, "h264", "yuv420p")
    assert (info.average_fps, info.duration_s, info.has_audio, info.rotation_deg) == (25, 2, False, 0)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("a.mkv", "libx264", "yuv444p"), ("a.mp4", "libx265", "yuv420p10le"), ("a.mpg", "mpeg1video", "yuv420p")],
)
def test_containers_codecs_and_pixel_formats(film, name: str, codec: str, pixel_format: str) -> None:
    frames = list(read_frames(film(name, codec=codec, pixel_format=pixel_format)))
    assert [number_of(frame.image) for frame in frames] == list(range(50))
    red = frames[0].image[HEIGHT_PX - 8, 8].astype(int)
    assert np.abs(red - (200, 30, 30)).max() <= COLOUR_TOLERANCE


def test_frames_at_gives_the_frame_on_the_screen(film) -> None:
    path = film(stamps=[0, 200, 400, 1000], time_base=Fraction(1, 1000))
    wanted = [Fraction(-1), 0, Fraction(1, 10), Fraction(1999, 10_000), Fraction(1, 5), Fraction(9, 10), 1, 7]
    shown = [number_of(image) for image in read_frames_at(path, [Fraction(time) for time in wanted])]
    assert shown == [0, 0, 0, 1, 1, 2, 3, 3]  # 0.1999 s is within half a millisecond of the frame at 0.2 s


def test_frames_at_late_times_are_the_same_as_when_reading_from_the_start(film) -> None:
    path = film(stamps=list(range(200)), options={"g": "30", "bf": "3"})
    times = [Fraction(i, 25) for i in range(130, 140)]
    assert [number_of(image) for image in read_frames_at(path, times)] == list(range(130, 140))


def test_frames_at_refuses_times_that_go_back(film) -> None:
    with pytest.raises(ValueError, match="ascend"):
        list(read_frames_at(film(), [Fraction(1), Fraction(0)]))


def test_a_cut_off_file_gives_what_is_there_and_says_so(film, tmp_path: Path) -> None:
    whole = film("whole.mkv")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    reader = Reader(cut)
    numbers = [number_of(frame.image) for frame in reader]
    assert 5 < len(numbers) < 50
    assert numbers == list(range(len(numbers)))
    assert measure_duration_s(cut) < measure_duration_s(whole) == 2


def test_a_cut_off_mp4_is_noticed(film, tmp_path: Path) -> None:
    path = film("whole.mp4", stamps=list(range(100)))
    content = bytearray(path.read_bytes())
    moov = content.index(b"moov") - 4
    (tmp_path / "cut.mp4").write_bytes(_moov_first(bytes(content), moov)[:-N_BYTES_CUT])
    reader = Reader(tmp_path / "cut.mp4")
    numbers = [number_of(frame.image) for frame in reader]
    assert 0 < len(numbers) <= 100
    assert reader.damage is not None


@pytest.mark.parametrize("n_b_frames", [0, 2])
def test_what_an_edit_list_leaves_out_is_not_missing(film, tmp_path: Path, n_b_frames: int) -> None:
    """Shown is the third second of four: of the first two groups of pictures not one packet is given."""
    content = film(stamps=list(range(100)), options={"g": "25", "bf": str(n_b_frames)}).read_bytes()
    at = content.index(b"elst") + 12  # 32 bits each: length in milliseconds, first time in the media, rate
    length_ms, begin = struct.unpack(">Ii", content[at : at + 8])
    trimmed, cut = tmp_path / "trimmed.mp4", tmp_path / "cut.mp4"
    trimmed.write_bytes(content[:at] + struct.pack(">Ii", length_ms // 4, begin + 50) + content[at + 8 :])
    reader = Reader(trimmed)
    assert [number_of(frame.image) for frame in reader] == list(range(50, 75))
    assert reader.damage is None
    whole = trimmed.read_bytes()
    cut.write_bytes(_moov_first(whole, whole.index(b"moov") - 4)[:-N_BYTES_CUT])
    reader = Reader(cut)
    assert 0 < len(list(reader)) <= 25
    assert reader.damage is not None


def _moov_first(content: bytes, moov_at: int) -> bytes:
    """Puts the index before the samples, moving the offsets in it, as files made for streaming have it."""
    mdat_at = content.index(b"mdat") - 4
    moov = bytearray(content[moov_at:])
    table = moov.index(b"stco") + 8
    for i in range(int.from_bytes(moov[table : table + 4], "big")):
        at = table + 4 + 4 * i
        moov[at : at + 4] = (int.from_bytes(moov[at : at + 4], "big") + len(moov)).to_bytes(4, "big")
    return content[:mdat_at] + bytes(moov) + content[mdat_at:moov_at]


@pytest.mark.parametrize(
    "content", [b"", b"no video\n" * 99, np.random.default_rng(0).bytes(999)], ids=["empty", "text", "noise"]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a"])
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match="not a video"):
        probe(path)


def test_an_unknown_codec_is_refused(film, tmp_path: Path) -> None:
    content = film("film.mp4").read_bytes()
    path = tmp_path / "unknown.mp4"
    path.write_bytes(content.replace(b"avc1", b"zzz1"))
    with pytest.raises(MediaError, match="in a codec that is not known here"):
        probe(path)


def test_a_missing_file_a_folder_and_mere_sound_are_refused(film, tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "none.mp4", "no such file"), (tmp_path, "not a video")):
        with pytest.raises(MediaError, match=problem):
            probe(path)
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(32_000))
    with pytest.raises(MediaError, match="no video stream"):
        probe(tmp_path / "a.wav")


def test_written_video_reads_back_and_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    images = [numbered_image(i) for i in range(12)]
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, iter(images), Fraction(30_000, 1001), crf=10)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == [Fraction(1001 * i, 30_000) for i in range(12)]
    flat = (slice(HEIGHT_PX // 2 + 4, None), slice(WIDTH_PX // 3 + 4, -WIDTH_PX // 3 - 4))
    assert np.abs(frames[5].image[flat].astype(int) - 128).max() <= 3
    assert np.abs(frames[5].image[-8, 8].astype(int) - (200, 30, 30)).max() <= 6


@pytest.mark.parametrize("size_px", [40, 96])
def test_whatever_lies_in_memory_the_bytes_are_the_same(tmp_path: Path, size_px: int) -> None:
    random = np.random.default_rng(0)
    ramp = np.arange(size_px, dtype=np.uint8)[:, None, None] + np.zeros((size_px, size_px, 3), np.uint8)
    images = [ramp + np.uint8(index) for index in range(12)]
    for image in images:  # a block of noise, so that there is something to spend bits on
        image[10:20, 10:20] = random.integers(0, 256, (10, 10, 3))
    written, memory = set(), []
    for _ in range(20):
        memory = [*memory[-9:], random.bytes(int(random.integers(1, 300_000)))]
        write_video(tmp_path / "a.mp4", images, Fraction(25), crf=10)
        written.add((tmp_path / "a.mp4").read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize("images", [[], [np.zeros((63, 96, 3), np.uint8)], [numbered_image(0), numbered_image(0, 64)]])
def test_nothing_is_left_of_a_video_that_cannot_be_written(tmp_path: Path, images: list[np.ndarray]) -> None:
    with pytest.raises(MediaError):
        write_video(tmp_path / "a.mp4", images, Fraction(25), crf=18)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 96, 3), np.uint8)
    with full_disk(20_000), pytest.raises(MediaError, match="free some space"):
        write_video(path, noise, Fraction(25), crf=1)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == b"the old one"


def test_real_phone_video_is_upright(shared_media: Path) -> None:
    info = probe(shared_media / "cases" / "rotation_90_phone.mp4")
    assert (info.width_px, info.height_px, info.rotation_deg) == (1080, 1920, 90)
    image = next(read_frames(info.path)).image
    assert image.shape == (1920, 1080, 3)
    redness = image[..., 0].astype(int) - image[..., 1]
    mouth, opposite = (redness[y - 60 : y + 60, 440:640].mean() for y in (1234, 1920 - 1234))
    assert mouth > 2 * opposite  # upright, the man's open mouth is in the lower half


@pytest.mark.parametrize("name", ["portrait_vfr.mp4", "mpeg1_decode_errors.mpg", "two_faces_720p.avi"])
def test_real_files_give_ascending_times_and_the_same_frames_from_anywhere(shared_media: Path, name: str) -> None:
    path = shared_media / "cases" / name
    reader = Reader(path)
    frames = [(frame.time_s, frame.image[::9, ::9].tobytes()) for frame in reader]
    times = [time for time, _ in frames]
    assert times == sorted(set(times))
    assert (reader.damage is not None) == ("decode_errors" in name)
    late = frames[-10:]
    assert [image[::9, ::9].tobytes() for image in read_frames_at(path, [t for t, _ in late])] == [i for _, i in late]


TAGS = {
    "quarter": ("-display_rotation", "90"),
    "half": ("-display_rotation", "180"),
    "mirrored": ("-display_hflip",),
    "upside down": ("-display_vflip",),
    "front camera": ("-display_rotation", "270", "-display_hflip"),
}


@pytest.mark.parametrize("tag", TAGS)
def test_what_a_display_matrix_asks_for_is_what_ffmpeg_shows(film, tmp_path: Path, tag: str) -> None:
    tagged = remake(film(), tmp_path / "tagged.mp4", codec=("-c", "copy"), before=TAGS[tag])
    shown = remake(tagged, tmp_path / "shown.png", "-frames:v", "1", codec=())
    wanted = cv2.cvtColor(cv2.imread(str(shown)), cv2.COLOR_BGR2RGB)
    image, info = next(read_frames(tagged)).image, probe(tagged)
    assert (info.height_px, info.width_px) == image.shape[:2] == wanted.shape[:2]
    assert np.abs(image.astype(int) - wanted).mean() < 1  # converted to RGB by ffmpeg, in the one
    assert np.abs(image[:, ::-1].astype(int) - wanted).mean() > 5


def test_the_rate_of_matroska_is_that_of_its_stamps_where_the_header_says_nothing(film, tmp_path: Path) -> None:
    """A browser's recording: no frame has a length, and the stamps jitter; ffmpeg says 1000 frames a second."""
    stamps = [40 * number + 7 * number % 16 for number in range(50)]
    path = film("film.mkv", stamps=stamps, time_base=Fraction(1, 1000))
    raw = path.read_bytes()
    said = raw.index(b"\x23\xe3\x83")  # DefaultDuration, which becomes an element to be skipped
    n_bytes = 2 + raw[said + 3] % 128
    path.write_bytes(raw[:said] + bytes([0xEC, 128 + n_bytes]) + raw[said + 2 :])
    assert float(probe(path).average_fps) == pytest.approx(25, rel=0.01)


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
def test_a_list_of_other_files_is_not_followed(film, tmp_path: Path, name: str) -> None:
    """It could name any file of this machine, wherever it came from."""
    film(name="secret.ts")
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path / 'secret.ts'}\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile 'secret.ts'\n",
    }
    (tmp_path / name).write_text(lists[name])
    with pytest.raises(MediaError, match="is a list of other files"):
        probe(tmp_path / name)


def test_a_name_that_is_no_text_is_refused(film, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin\xe9.mp4"))
    shutil.copyfile(film(), path)
    with pytest.raises(MediaError, match="is no UTF-8 text; rename it"):
        probe(path)


def test_frames_that_an_avi_drops_are_no_damage_and_an_end_that_is_missing_is(film, tmp_path: Path) -> None:
    drop = ("-vf", "select='mod(n,3)'", "-fps_mode", "vfr", "-an")
    whole = remake(film(), tmp_path / "whole.avi", *drop, codec=("-c:v", "mpeg4"))
    reader = Reader(whole)
    assert len(list(reader)) == 33
    assert reader.damage is None
    cut_off = tmp_path / "cut.avi"
    cut_off.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    reader = Reader(cut_off)
    assert 0 < len(list(reader)) < 33
    assert reader.damage


def test_h264_in_an_avi_keeps_its_times_whatever_order_its_frames_are_decoded_in(film) -> None:
    avi = film("film.avi", options={"bf": "3", "b-adapt": "0"})
    frames = list(read_frames(avi))
    assert [number_of(frame.image) for frame in frames] == list(range(50))
    assert [frame.time_s * 25 for frame in frames] == list(range(50))


def test_a_file_of_two_put_one_behind_the_other_is_said_to_be_so(film, tmp_path: Path) -> None:
    sounding = film(sound_s=(0.0, tone(96_000, 48_000)))
    part = remake(sounding, tmp_path / "part.ts", codec=("-c", "copy"))
    (tmp_path / "joined.ts").write_bytes(2 * part.read_bytes())
    reader = Reader(tmp_path / "joined.ts")
    assert len(list(reader)) == 100
    assert reader.damage is not None
    assert reader.damage.startswith("its clock starts over")
    whole = Reader(part)
    assert len(list(whole)) == 50
    assert whole.damage is None
