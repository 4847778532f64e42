"""Outside the mask nothing changes but by the encoder; times, colours and sound are the source's."""

import subprocess
import wave
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from talkedit.errors import MediaError, ParamsError
from talkedit.media.audio import read_audio, read_sound, write_wav
from talkedit.media.decode import Decoder
from talkedit.media.ffmpeg import Sound, check_encodes, check_holds, ffmpeg_path, mux_audio
from talkedit.media.planes import compose, format_of, to_format, upright_planes
from talkedit.media.rewrite import Edit, Edited, Encoding, check_output, rewrite_video
from talkedit.media.video import measure_duration_s, probe, read_frames

from ..films import remake
from .films import HEIGHT_PX, WIDTH_PX, full_disk, number_of, tone

LOSSLESS = Encoding(crf=0, preset="ultrafast")
FAST = Encoding(preset="ultrafast")
CLICK_OFF = 600  # samples of 48 kHz, 12 ms: an encoder's packet smears a click
BOX = (slice(21, 44), slice(31, 62))  # odd edges, so that chroma samples straddle them


def invert_box(number: int, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Edits every second frame, and spoils what lies outside the mask, which must not matter."""
    if number % 2:
        return None
    mask = np.zeros(image.shape[:2], np.float32)
    mask[BOX] = 0.5
    edited = np.zeros_like(image)
    edited[BOX] = 255 - image[BOX]
    return edited, mask


def each(edit: Callable[[int, np.ndarray], Edited | None]) -> Edit:
    """Frame by frame."""
    return lambda images: (edit(number, image) for number, image in enumerate(images))


unchanged = each(lambda *_: None)


def planes_of(path: Path) -> list[list[np.ndarray]]:
    return [list(upright_planes(to_format(frame, format_of(frame), path))) for _, frame in Decoder(path).frames()]


def audio_packets(path: Path) -> list[tuple[bytes, Fraction]]:
    with av.open(str(path)) as container:
        return [(bytes(p), p.pts * p.time_base) for p in container.demux(audio=0) if p.size]


def test_only_samples_under_the_mask_change(film, tmp_path: Path) -> None:
    source, out = film(), tmp_path / "out.mp4"
    report = rewrite_video(source, out, each(invert_box), LOSSLESS)
    assert (report.n_frames, report.n_edited, report.has_audio, report.damage) == (50, 25, False, None)
    inside = [np.zeros((HEIGHT_PX, WIDTH_PX), bool), *(np.zeros((HEIGHT_PX // 2, WIDTH_PX // 2), bool) for _ in "uv")]
    inside[0][BOX] = True
    for chroma in inside[1:]:
        chroma[21 // 2 : 43 // 2 + 1, 31 // 2 : 61 // 2 + 1] = True
    for number, (before, after) in enumerate(zip(planes_of(source), planes_of(out), strict=True)):
        for mask, old, new in zip(inside, before, after, strict=True):
            assert np.array_equal(old[~mask], new[~mask])
        same = np.array_equal(before[0], after[0])
        assert same == bool(number % 2)
    assert np.abs(after[0][BOX].astype(int) - before[0][BOX]).max() == 0  # frame 49 was left alone


def test_the_edit_is_what_is_shown(film, tmp_path: Path) -> None:
    def paint(_: int, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(image, (40, 90, 200)), np.ones(image.shape[:2], np.float32)

    rewrite_video(film(), tmp_path / "out.mp4", each(paint), LOSSLESS)
    frame = next(read_frames(tmp_path / "out.mp4"))
    assert np.abs(frame.image.astype(int) - (40, 90, 200)).max() <= 3


def test_edited_and_original_colours_meet_without_a_step() -> None:
    """An edit that returns the image it was given changes flat colours by rounding alone, in every matrix and range."""
    for matrix in (1, 5, 2):
        for colour_range in (1, 2):
            frame = av.VideoFrame(16, 16, "yuv420p")
            for plane, value in zip(frame.planes, (120, 100, 150), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.colorspace, frame.color_range = matrix, colour_range
            before = upright_planes(frame)
            after = compose(before, frame.to_ndarray(format="rgb24"), np.ones((16, 16), np.float32), like=frame)
            assert max(np.abs(a.astype(int) - b).max() for a, b in zip(before, after, strict=True)) <= 1


@pytest.mark.parametrize(("chroma", "stays"), [(128, True), (127, True), (131, False)])
@pytest.mark.parametrize(("pixel_format", "step"), [("yuv420p", 1), ("yuv420p10le", 4)])
def test_a_picture_without_colour_stays_without(pixel_format: str, step: int, chroma: int, stays: bool) -> None:
    like = av.VideoFrame(16, 16, pixel_format)
    for plane, value in zip(like.planes, (90, chroma, 128), strict=True):
        samples = np.full(plane.buffer_size // (1 if step == 1 else 2), value * step, np.uint8 if step == 1 else "<u2")
        plane.update(samples.tobytes())
    before = upright_planes(like)
    after = compose(before, np.full((16, 16, 3), (200, 60, 20), np.uint8), np.ones((16, 16), np.float32), like)
    assert (after[0] != before[0]).all()
    assert all(np.array_equal(a, b) == stays for a, b in zip(after[1:], before[1:], strict=True))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_a_part_is_converted_as_if_all_of_the_picture_were(pixel_format: str) -> None:
    noise = np.random.default_rng(0)
    image = noise.integers(0, 256, (120, 150, 3), dtype=np.uint8)
    like = av.VideoFrame(150, 120, pixel_format)
    like.colorspace, like.color_range = 1, 1
    before = upright_planes(like)
    whole = compose(before, image, np.ones((120, 150), np.float32), like)
    mask = np.zeros((120, 150), np.float32)
    mask[37:70, 51:110] = 0.5
    part = compose(before, image, mask, like)
    assert np.array_equal(part[0][37:70, 51:110], whole[0][37:70, 51:110])
    for plane, of_whole, old in zip(part, whole, before, strict=True):
        changed = plane != old
        assert changed.any()
        assert np.array_equal(plane[changed], of_whole[changed])
    assert all((a == b).all() for a, b in zip(compose(before, image, mask * 0, like), before, strict=True))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_and_sound_are_the_sources(film, tmp_path: Path, suffix: str) -> None:
    stamps = [10, 13, 20, 21, 60, 61, 62, 100]
    source = film(stamps=stamps, time_base=Fraction(1, 1000), sound_s=(0.3, tone(48_000, 48_000)))
    out = tmp_path / f"out{suffix}"
    report = rewrite_video(source, out, unchanged)
    assert (report.n_frames, report.n_edited, report.has_audio) == (8, 0, True)
    assert [f.time_s for f in read_frames(out)] == [Fraction(s - 10, 1000) for s in stamps]
    assert [number_of(f.image) for f in read_frames(out)] == list(range(8))
    assert probe(out).time_base == Fraction(1, 1000)
    assert measure_duration_s(out) == pytest.approx(float(measure_duration_s(source)), abs=0.001)
    before, after = audio_packets(source), audio_packets(out)
    assert [data for data, _ in before] == [data for data, _ in after]
    since = [float(packets[0][1] - probe(path).start_s) for packets, path in ((before, source), (after, out))]
    assert since[0] == pytest.approx(since[1], abs=0.001 if suffix == ".mkv" else 1e-9)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("sound_after_s", [-0.5, 0.3])
@pytest.mark.parametrize("clock_s", [40_000, 95_442], ids=["late", "wraps around"])
def test_a_broadcasts_clock_begins_at_zero_again(
    film, tmp_path: Path, suffix: str, sound_after_s: float, clock_s: int
) -> None:
    """MPEG-TS counts to 26.5 hours, then from 0: here 0.3 s after the first frame."""
    stamps = [0, 3003, 6006, 15_015, 15_616, 90_000]
    late = [stamp + 45_000 for stamp in stamps]
    sound_s = (0.5 + sound_after_s, tone(96_000, 48_000))
    whole = film(stamps=late, time_base=Fraction(1, 90_000), sound_s=sound_s)
    source, out = tmp_path / "film.ts", tmp_path / f"out{suffix}"
    command = [ffmpeg_path(), "-loglevel", "error", "-i", whole, "-c", "copy", "-muxdelay", "0"]
    subprocess.run([*command, "-output_ts_offset", str(clock_s), source], check=True)
    report = rewrite_video(source, out, unchanged, FAST)
    rounding_s = 1 / 1000 if suffix == ".mkv" else 1 / 48_000
    times_s = [frame.time_s for frame in read_frames(out)]
    assert times_s == pytest.approx([stamp / 90_000 for stamp in stamps], abs=0.001 if suffix == ".mkv" else 0)
    before, after = audio_packets(source), audio_packets(out)
    assert all(framed.endswith(data) for (framed, _), (data, _) in zip(before, after, strict=True))
    begin_s = probe(out).start_s
    assert float(after[0][1] - begin_s) == pytest.approx(float(before[0][1] - probe(source).start_s), abs=rounding_s)
    assert report.n_frames == 6
    assert 0 <= min(begin_s, after[0][1]) <= (rounding_s if suffix == ".mkv" else 0)
    with av.open(str(out)) as container, av.open(str(source)) as original:
        assert container.duration == pytest.approx(original.duration, abs=50_000)


def test_colours_are_tagged_as_the_source(film, tmp_path: Path) -> None:
    source = film(
        "full.mp4", pixel_format="yuvj420p", options={"x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}
    )
    rewrite_video(source, tmp_path / "out.mp4", each(invert_box), LOSSLESS)
    tags = []
    for path in (source, tmp_path / "out.mp4"):
        _, frame = next(Decoder(path).frames())
        tags.append((frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc))
    assert tags[0] == tags[1] == (2, 1, 1, 1)
    old, new = (next(read_frames(path)).image.astype(int) for path in (source, tmp_path / "out.mp4"))
    assert np.abs(old - new)[:16].max() == 0


def test_pixels_that_are_not_square_stay_so(film, tmp_path: Path) -> None:
    rewrite_video(film(options={"x264-params": "sar=4/3:bframes=0"}), tmp_path / "out.mp4", unchanged, LOSSLESS)
    assert probe(tmp_path / "out.mp4").pixel_aspect == Fraction(4, 3)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"preset": "warp"}, "preset is 'warp': give one of ultrafast, "),
        ({"codec": "vp9"}, "codec is 'vp9': give one of h264, hevc"),
        ({"pixel_format": "rgb24"}, "pixel format is 'rgb24': give one of source, yuv420p, "),
        ({"pixel_format": "yuv420p12le"}, "h264 has no 12 bits here; give --codec hevc"),
        ({"crf": 52}, r"crf is 52: give 0 \(lossless\) to 51"),
    ],
)
def test_an_encoding_that_does_not_exist_is_said(wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamsError, match=sentence):
        Encoding(**wish)


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
def test_samples_of_other_formats_pass_through_as_they_are(film, tmp_path: Path, pixel_format: str) -> None:
    source = film("film.mkv", codec="ffv1", pixel_format=pixel_format)
    report = rewrite_video(source, tmp_path / "out.mp4", each(invert_box), LOSSLESS)
    assert (report.pixel_format, report.exact) == (pixel_format, True)
    for number, (before, after) in enumerate(zip(planes_of(source), planes_of(tmp_path / "out.mp4"), strict=True)):
        assert after[0].dtype == (np.uint16 if "10" in pixel_format else np.uint8)
        assert np.array_equal(before[0][BOX], after[0][BOX]) == bool(number % 2)
        rows, columns = HEIGHT_PX // before[1].shape[0], WIDTH_PX // before[1].shape[1]
        outside = [np.ones(plane.shape, bool) for plane in before]
        outside[0][BOX] = False
        for chroma in outside[1:]:
            chroma[21 // rows : 43 // rows + 1, 31 // columns : 61 // columns + 1] = False
        assert all(np.array_equal(a[o], b[o]) for a, b, o in zip(before, after, outside, strict=True))


def test_a_format_that_no_codec_holds_is_converted_and_said(film, tmp_path: Path) -> None:
    report = rewrite_video(
        film("film.mkv", codec="ffv1", pixel_format="bgr0"), tmp_path / "out.mp4", each(invert_box), FAST
    )
    assert (report.pixel_format, report.exact) == ("yuv420p", False)


def test_hevc_is_hevc_with_the_same_times(film, tmp_path: Path) -> None:
    source, out = film(stamps=[0, 3, 4, 9, 20, 21], time_base=Fraction(1, 100)), tmp_path / "out.mp4"
    report = rewrite_video(source, out, each(invert_box), Encoding(crf=20, preset="ultrafast", codec="hevc"))
    assert (report.n_frames, probe(out).codec) == (6, "hevc")
    assert [frame.time_s for frame in read_frames(out)] == [frame.time_s for frame in read_frames(source)]
    assert [number_of(frame.image) for frame in read_frames(out)] == list(range(6))


def test_new_sound_begins_with_the_picture_and_ends_with_it(film, tmp_path: Path) -> None:
    """A click 0.5 s into the new sound is heard 0.5 s after the first frame; what comes after 2 s is left out."""
    samples = np.zeros(3 * 48_000, np.float32)
    samples[24_000:24_200] = 0.9
    write_wav(tmp_path / "new.wav", samples, 48_000)
    source = film(stamps=list(range(30, 80)), sound_s=(0.0, tone(48_000, 48_000)))
    sound = Sound(tmp_path / "new.wav", "aac", probe(source).start_s, 2.0)
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        assert rewrite_video(source, out, unchanged, FAST, sound).has_audio
        heard = read_audio(out, 48_000)
        assert heard is not None
        loud = np.flatnonzero(np.abs(heard) > 0.3)
        assert loud[0] == pytest.approx(24_000, abs=CLICK_OFF)
        assert len(heard) == pytest.approx(2 * 48_000, abs=2 * 1024)


def test_sound_is_encoded_anew_on_request_and_stays_in_its_place(film, tmp_path: Path) -> None:
    source = film("film.mkv", sound_s=(0.3, tone(48_000, 48_000)))
    rewrite_video(source, tmp_path / "out.mp4", unchanged, FAST, Sound(source, "aac"))
    before, after = read_audio(source, 48_000), read_audio(tmp_path / "out.mp4", 48_000)
    assert before is not None
    assert after is not None
    begins = [int(np.flatnonzero(np.abs(heard) > 0.1)[0]) for heard in (before, after)]
    assert begins[0] == pytest.approx(0.3 * 48_000, abs=CLICK_OFF)
    assert begins[1] == pytest.approx(begins[0], abs=CLICK_OFF)


def test_what_seals_a_file_gets_it_whole_and_its_failure_leaves_nothing(film, tmp_path: Path) -> None:
    source, out, seen = film(), tmp_path / "out.mp4", []

    def seal(path: Path) -> None:
        seen.append(len(list(read_frames(path))))
        assert not out.exists()

    rewrite_video(source, out, unchanged, FAST, seal=seal)
    assert seen == [50]
    out.unlink()

    def fail(_: Path) -> None:
        raise MediaError("seal", "is broken")

    with pytest.raises(MediaError, match="is broken"):
        rewrite_video(source, out, unchanged, FAST, seal=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_an_error_of_the_edit_is_passed_on_as_it_is(film, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise MediaError("face", "is not there")

    with pytest.raises(MediaError, match=r"^face: is not there$"):
        rewrite_video(film(), tmp_path / "out.mp4", each(fail))


@pytest.mark.parametrize(
    "edit", [lambda images: (None for _ in islice(images, 1)), lambda images: (None for _ in list(images)[:0])]
)
def test_an_edit_that_loses_frames_is_no_video(film, tmp_path: Path, edit: Edit) -> None:
    """One stops after the first frame, the other takes all and gives none."""
    with pytest.raises(RuntimeError, match="for every frame"):
        rewrite_video(film(), tmp_path / "out.mp4", edit)
    assert not (tmp_path / "out.mp4").exists()


def test_a_rotation_tag_becomes_an_upright_picture(film, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    command = [ffmpeg_path(), "-loglevel", "error", "-display_rotation", "90", "-i", film(), "-c", "copy", turned]
    subprocess.run(command, check=True)
    assert (probe(turned).width_px, probe(turned).height_px) == (HEIGHT_PX, WIDTH_PX)
    rewrite_video(turned, tmp_path / "out.mp4", each(invert_box), LOSSLESS)
    info = probe(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px, info.rotation_deg) == (HEIGHT_PX, WIDTH_PX, 0)
    for before, after in zip(read_frames(turned), read_frames(tmp_path / "out.mp4"), strict=True):
        assert np.array_equal(before.image[50:], after.image[50:])
        # Turned counterclockwise, the bars of the top are on the left.
        assert number_of(np.rot90(after.image, -1)) & 0b11 == number_of(np.rot90(before.image, -1)) & 0b11


def test_odd_sizes_are_padded_by_the_last_row_and_column(film, tmp_path: Path) -> None:
    source = film("odd.mkv", codec="ffv1", size_px=(97, 65))
    rewrite_video(source, tmp_path / "out.mp4", each(invert_box), LOSSLESS)
    before, after = planes_of(source)[1], planes_of(tmp_path / "out.mp4")[1]
    assert after[0].shape == (66, 98)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert np.array_equal(after[0][64], after[0][65])
    assert np.array_equal(after[0][:, 96], after[0][:, 97])


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_stop_on_the_way_leaves_the_old_file_and_no_other(film, tmp_path: Path, failure: type[BaseException]) -> None:
    def fail(number: int, _: np.ndarray) -> None:
        if number == 30:
            raise failure

    source, out = film(), tmp_path / "out.mp4"
    out.write_bytes(b"the old one")
    with pytest.raises(failure):
        rewrite_video(source, out, each(fail))
    assert out.read_bytes() == b"the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "out.mp4"}


def test_a_full_disk_is_said_in_one_sentence(film, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    ones = np.ones((HEIGHT_PX, WIDTH_PX), np.float32)
    source, out = film(), tmp_path / "out.mp4"
    with full_disk(30_000), pytest.raises(MediaError, match=r"out\.mp4: cannot be written .*free some space"):
        rewrite_video(
            source, out, each(lambda _, i: (noise.integers(0, 255, i.shape, np.uint8), ones)), Encoding(crf=1)
        )
    assert {path.name for path in tmp_path.iterdir()} == {"film.mp4"}


def test_outputs_that_cannot_be_are_refused_before_work(film, tmp_path: Path) -> None:
    source = film()
    never: Callable = lambda *_: pytest.fail("the edit was called")  # noqa: E731
    for out, problem in (
        (tmp_path / "out.avi", "must end in"),
        (source, "is one of the inputs itself"),
        (tmp_path / "none" / "out.mp4", "does not exist"),
    ):
        with pytest.raises(MediaError, match=problem):
            rewrite_video(source, out, never)
    assert number_of(next(read_frames(source)).image) == 0


def test_sound_that_the_container_cannot_hold_is_ffmpegs_to_say(film, tmp_path: Path) -> None:
    source = film(sound_s=(0.0, tone(48_000, 48_000)))
    command = [ffmpeg_path(), "-loglevel", "error", "-i", source, "-c:a", "wmav2", tmp_path / "sound.mkv"]
    subprocess.run(command, check=True)
    with pytest.raises(MediaError, match=r"ffmpeg cannot write it: .*wmav2"):
        mux_audio(source, Sound(tmp_path / "sound.mkv"), tmp_path / "part.mp4", tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "part.mp4").exists()


def test_a_damaged_source_keeps_what_can_be_decoded(shared_media: Path, tmp_path: Path) -> None:
    source = shared_media / "cases" / "mpeg1_decode_errors.mpg"
    report = rewrite_video(source, tmp_path / "out.mp4", unchanged, FAST)
    assert report.n_frames == 75
    assert report.damage is not None
    assert [f.time_s for f in read_frames(tmp_path / "out.mp4")] == [f.time_s for f in read_frames(source)]


@pytest.mark.parametrize("name", ["portrait_vfr.mp4", "scene_cuts_2997.mp4"])
def test_real_files_keep_their_times_and_sound(shared_media: Path, tmp_path: Path, name: str) -> None:
    source = shared_media / "cases" / name
    rewrite_video(source, tmp_path / "out.mp4", unchanged, FAST)
    assert [f.time_s for f in read_frames(tmp_path / "out.mp4")] == [f.time_s for f in read_frames(source)]
    assert audio_packets(source) == audio_packets(tmp_path / "out.mp4")


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp3", ".wav"])
def test_new_sound_begins_with_the_picture_whatever_its_own_clock_says(film, tmp_path: Path, suffix: str) -> None:
    """A tone that its own file, but for the WAV, begins later than at 0; half a second of it is quiet."""
    quiet_then_tone = np.concatenate([np.zeros(8_000, np.float32), tone(16_000, 16_000)])
    write_wav(tmp_path / "sound.wav", quiet_then_tone)
    sound = tmp_path / f"sound{suffix}"
    if suffix != ".wav":
        later = ("-output_ts_offset", "3")
        remake(tmp_path / "sound.wav", sound, *later, codec=("-c:a", "libmp3lame" if suffix == ".mp3" else "aac"))
    picture = film()
    mux_audio(picture, Sound(sound, "aac", Fraction(0), 2.0), tmp_path / "out.mp4", tmp_path / "out.mp4")
    heard = read_audio(tmp_path / "out.mp4")
    assert heard is not None
    onset, wanted = (np.flatnonzero(np.abs(samples) > 0.1)[0] / 16_000 for samples in (heard, read_sound(sound)))
    assert onset == pytest.approx(wanted, abs=0.005)
    assert len(heard) / 16_000 == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(("codec", "suffix"), [("libopus", ".mov"), ("flac", ".mov"), ("truehd", ".mp4")])
def test_what_a_container_only_says_it_holds_is_refused_before_any_work(
    film, tmp_path: Path, codec: str, suffix: str
) -> None:
    encoder = ("-c:v", "copy", "-c:a", codec, "-strict", "-2")
    source = remake(film(sound_s=(0.0, tone(48_000, 48_000))), tmp_path / "source.mkv", codec=encoder)
    with pytest.raises(MediaError, match="cannot hold the input's sound"):
        check_holds(source, tmp_path / f"out{suffix}")
    check_holds(source, tmp_path / "out.mkv")


def test_sound_in_a_codec_that_is_not_known_is_refused_before_any_work(film, tmp_path: Path) -> None:
    """As the second track of some phones: here ALAC whose tag says that it is something else."""
    sounding = film(sound_s=(0.0, tone(48_000, 48_000)))
    path = remake(sounding, tmp_path / "alac.mp4", codec=("-c:v", "copy", "-c:a", "alac"))
    path.write_bytes(path.read_bytes().replace(b"alac", b"apac"))
    for suffix in (".mp4", ".mkv"):
        with pytest.raises(MediaError, match="has sound in a codec that is not known here"):
            check_holds(path, tmp_path / f"out{suffix}")


def test_an_output_that_cannot_be_written_is_refused_before_any_work(film, tmp_path: Path) -> None:
    source, other = film(name="source.mp4"), film(name="other.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(MediaError, match="is a folder; name a file in it"):
        check_output(tmp_path / "folder.mp4", source)
    with pytest.raises(MediaError, match="is one of the inputs itself"):
        check_output(other, source, other)


def test_half_the_chroma_of_a_picture_on_its_side_is_not_asked_for(film, tmp_path: Path) -> None:
    turned = remake(film(), tmp_path / "turned.mp4", codec=("-c", "copy"), before=("-display_rotation", "90"))
    report = rewrite_video(
        turned, tmp_path / "out.mp4", unchanged, Encoding(preset="ultrafast", pixel_format="yuv422p")
    )
    assert report.pixel_format == "yuv420p"


@pytest.mark.parametrize("held", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("codec", ["copy", "aac"])
def test_sound_tracks_keep_their_languages_and_titles(film, tmp_path: Path, held: str, suffix: str, codec: str) -> None:
    told = [("eng", "Commentaire: a=b"), ("fra", "")]
    tags = [("-metadata:s:a:0", "language=eng"), ("-metadata:s:a:0", "title=Commentaire: a=b")]
    tags += [
        ("-metadata:s:a:1", "language=fra"),
        ("-metadata", "title=of the whole"),
        ("-metadata", "location=+48+011/"),
    ]
    plain = film(sound_s=(0.0, tone(48_000, 48_000)))
    options = [part for tag in tags for part in tag]
    source = remake(plain, tmp_path / f"two{held}", "-map", "0:v", "-map", "0:a", "-map", "0:a", *options)
    rewrite_video(source, tmp_path / f"out{suffix}", unchanged, FAST, Sound(source, codec))
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        found = [
            (tag.get("language"), tag.get("title", tag.get("name", "")))
            for tag in (s.metadata for s in container.streams.audio)
        ]
        assert not {"title", "location", "LOCATION"} & set(container.metadata)
    assert found == told


def test_an_interlaced_source_is_told_of(film, tmp_path: Path) -> None:
    fields = ("-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ilme+ildct", "-bf", "0")
    interlaced = remake(film(), tmp_path / "fields.mp4", "-vf", "setfield=tff", codec=fields)
    assert rewrite_video(interlaced, tmp_path / "out.mp4", unchanged, FAST).interlaced
    assert not rewrite_video(film(), tmp_path / "out.mp4", unchanged, FAST).interlaced


def test_sound_of_more_channels_than_aac_holds_is_refused_before_any_work(tmp_path: Path) -> None:
    for n_channels in (8, 10):
        with wave.open(str(tmp_path / f"{n_channels}.wav"), "wb") as file:
            file.setnchannels(n_channels)
            file.setsampwidth(2)
            file.setframerate(48_000)
            file.writeframes(bytes(2 * n_channels * 4800))
    check_encodes(tmp_path / "8.wav")
    with pytest.raises(MediaError, match=r"has sound of 10 channels, and AAC holds 8; mix it down"):
        check_encodes(tmp_path / "10.wav")


def test_the_file_that_a_link_leads_to_is_written(film, tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "real.mp4").write_text("old")
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "large" / "real.mp4")
    rewrite_video(film(), link, unchanged, FAST)
    assert link.is_symlink()
    assert len(list(read_frames(tmp_path / "large" / "real.mp4"))) == 50
    assert [path.name for path in (tmp_path / "large").iterdir()] == ["real.mp4"]
