"""Whatever the source, picture and sound of its clips belong together: flashes and clicks at the same times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from talkedit.folders import read_clips
from talkedit.media.audio import read_wav
from talkedit.media.clips import segment_sources
from talkedit.media.download import DownloadParams, download
from talkedit.media.segment import SegmentParams
from talkedit.media.video import read_frames_at
from talkedit.params import load_section
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Clip

from ..films import remake
from ..tiny import PARAMS_FILE

WIDTH_PX, HEIGHT_PX, LENGTH_S = 64, 48, 6
SOUND_HZ = 44_100
FLASHES_S = [Fraction(1, 2) + Fraction(11, 10) * i for i in range(5)]
FLASH_S = Fraction(1, 5)
MOST_APART_S = 0.020
SLACK_S = 0.001  # a click takes two samples to be loud, and a frame may be shown this much before its time
# Cuts are looked for too, and a flash is none.
SEGMENT = SegmentParams(clip_s=3.0, min_clip_s=2.0, cut_threshold=255.0, validation_share=0.15, guard_s=0.2, seed=0)


def stamps(fps: Fraction, uneven: bool = False) -> list[Fraction]:
    """When each frame is shown; uneven ones come early or late by up to 0.4 of a frame, as a phone's do."""
    n = int(LENGTH_S * fps)
    late = np.random.default_rng(0).integers(-4, 5, n) if uneven else np.zeros(n, int)
    return [Fraction(i + Fraction(int(late[i]) * (i > 0), 10)) / fps for i in range(n)]


def make_source(
    path: Path, times_s: list[Fraction], fps: Fraction, codec: str, sound: str, base: Fraction
) -> list[float]:
    """A film with flashes, each with a click when it is seen to begin; returns when that is.

    Args:
        path: Its suffix picks the container.
        times_s: Of the frames.
        fps: What the header says.
        codec: Of the picture.
        sound: Codec of the sound.
        base: Seconds per unit of the time stamps.
    """
    lit = [any(begin <= time < begin + FLASH_S for begin in FLASHES_S) for time in times_s]
    onsets_s = [time for time, on, before in zip(times_s[1:], lit[1:], lit[:-1], strict=True) if on and not before]
    samples = np.zeros(LENGTH_S * SOUND_HZ, np.float32)
    for onset_s in onsets_s:
        begin = round(onset_s * SOUND_HZ)
        samples[begin : begin + 2000] = 0.8 * np.sin(np.arange(2000) * 0.2)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        video.codec_context.time_base = base
        audio = container.add_stream(sound, rate=SOUND_HZ, layout="mono")
        for time_s, on in zip(times_s, lit, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT_PX, WIDTH_PX, 3), 235 if on else 20, np.uint8))
            frame.pts, frame.time_base = round(time_s / base), base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        step = audio.codec_context.frame_size or 1152
        for begin in range(0, len(samples), step):
            block = np.pad(samples[begin : begin + step], (0, max(0, begin + step - len(samples))))
            frame = av.AudioFrame.from_ndarray(_as(audio.format.name, block)[None], audio.format.name, "mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, begin, Fraction(1, SOUND_HZ)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return [float(time) for time in onsets_s]


def _as(sample_format: str, samples: np.ndarray) -> np.ndarray:
    return samples if sample_format.startswith("flt") else (samples * 32767).astype(np.int16)


def clips_of(source: Path, folder: Path) -> list[Clip]:
    """The first two stages on one source."""
    (folder / "sources.yaml").write_text(f"anna: [{{id: a, path: '{source.name}'}}]")
    download(folder / "sources.yaml", "anna", folder / "raw", load_section(PARAMS_FILE, DownloadParams))
    segment_sources(folder / "raw", folder / "clips", SEGMENT)
    return read_clips(folder / "clips")


def flashes_s(clip: Clip, folder: Path) -> tuple[list[float], tuple[int, int]]:
    """When flashes begin in a clip (between its frames), and the size of the pictures."""
    images = list(read_frames_at(folder / "raw" / clip.source, clip.times_s()))
    assert len(images) == clip.n_frames
    lit = np.array([image.mean() > 128 for image in images])
    # A flash began after the last dark frame and not after the first bright one: in their middle, to half a frame.
    middles = (np.flatnonzero(lit[1:] & ~lit[:-1]) + 0.5) / float(CLIP_FPS)
    return middles.tolist(), images[0].shape[:2]


def clicks_s(clip: Clip, folder: Path) -> list[float]:
    """When clicks begin in a clip's sound."""
    samples, rate_hz = read_wav(folder / "clips" / f"{clip.clip_id}.wav")
    assert rate_hz == SAMPLE_RATE_HZ
    assert len(samples) == clip.n_frames * SAMPLE_RATE_HZ // 25
    loud = np.flatnonzero(np.abs(samples) > 0.25)
    first = loud[np.diff(loud, prepend=-rate_hz) > rate_hz // 4]
    return (first / rate_hz).tolist()


NTSC, PAL = Fraction(30_000, 1001), Fraction(25)
SOURCES = {
    "29.97 fps H.264 with B-frames": ("a.mp4", NTSC, False, "libx264", "aac", Fraction(1001, 30_000)),
    "50 fps, Matroska": ("a.mkv", Fraction(50), False, "libx264", "aac", Fraction(1, 1000)),
    "12.5 fps": ("a.mp4", Fraction(25, 2), False, "libx264", "aac", Fraction(1, 25)),
    "variable fps": ("a.mp4", NTSC, True, "libx264", "aac", Fraction(1, 90_000)),
    "HEVC at 23.976 fps": ("a.mp4", Fraction(24_000, 1001), False, "libx265", "aac", Fraction(1001, 24_000)),
    "MPEG-1": ("a.mpg", PAL, False, "mpeg1video", "mp2", Fraction(1, 25)),
    "turned by its tag": ("a.mp4", NTSC, False, "libx264", "aac", Fraction(1001, 30_000)),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_clips_are_25_fps_and_16_khz_and_in_sync(kind: str, tmp_path: Path) -> None:
    name, fps, uneven, codec, sound, base = SOURCES[kind]
    source, is_turned = tmp_path / name, "turned" in kind
    made_s = make_source(source, stamps(fps, uneven), fps, codec, sound, base)
    assert len(made_s) == len(FLASHES_S)
    if is_turned:
        upright = source.rename(tmp_path / "upright.mp4")
        remake(upright, source, "-c", "copy", codec=(), before=("-display_rotation", "90"))
    n_seen = 0
    for clip in clips_of(source, tmp_path):
        seen_s, size = flashes_s(clip, tmp_path)
        heard_s = clicks_s(clip, tmp_path)
        assert size == ((WIDTH_PX, HEIGHT_PX) if is_turned else (HEIGHT_PX, WIDTH_PX))
        assert len(seen_s) == len(heard_s)
        np.testing.assert_allclose(seen_s, heard_s, atol=MOST_APART_S + SLACK_S)
        n_seen += len(seen_s)
    assert n_seen >= len(FLASHES_S) - 1  # one may lie in the guard between training and validation
