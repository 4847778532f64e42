"""Small films whose every frame says which one it is."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH_PX, HEIGHT_PX = 96, 64
N_BITS = 8


def numbered_image(number: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> np.ndarray:
    """Red and green corners below, on grey; the number stands in eight black or white bars at the top."""
    image = np.full((height_px, width_px, 3), 128, np.uint8)
    image[height_px // 2 :, : width_px // 3] = (200, 30, 30)
    image[height_px // 2 :, -(width_px // 3) :] = (30, 180, 30)
    bar = width_px // N_BITS
    for bit in range(N_BITS):
        image[: height_px // 4, bit * bar : (bit + 1) * bar] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    """Reads the number back."""
    bar = image.shape[1] // N_BITS
    top = image[2 : image.shape[0] // 4 - 2].mean(axis=(0, 2))
    return sum(int(top[bit * bar + bar // 2] > 128) << bit for bit in range(N_BITS))


def tone(n_samples: int, rate_hz: int) -> np.ndarray:
    """(n,) float32, 440 Hz at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / rate_hz)).astype(np.float32)


def make_film(
    path: Path,
    stamps: list[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
    sound_s: tuple[float, np.ndarray] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a film.

    Args:
        path: Its suffix picks the container.
        stamps: Time stamp of each frame in units of `time_base`; 50 frames at 25 fps if not given.
        time_base: Seconds per unit.
        codec: Of the picture.
        pixel_format: Of the picture.
        size_px: (width, height).
        sound_s: When the sound begins, and its samples at 48 kHz.
        options: Of the codec.
    """
    stamps = list(range(50)) if stamps is None else stamps
    muxer = {"video_track_timescale": str(time_base.denominator)} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=muxer) as container:
        video = container.add_stream(codec, rate=25, options=options or ({"bf": "0"} if codec == "libx264" else {}))
        video.width, video.height, video.pix_fmt = *size_px, pixel_format
        video.codec_context.time_base = video.time_base = time_base
        audio = container.add_stream("aac", rate=48_000, layout="mono") if sound_s else None
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered_image(number, *size_px), format="rgb24")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio and sound_s:
            _write_sound(container, audio, *sound_s)
    return path


def _write_sound(container, stream, begin_s: float, samples: np.ndarray) -> None:
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = round(begin_s * 48_000) + start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


@contextmanager
def full_disk(limit_bytes: int) -> Iterator[None]:
    """No file can grow beyond the limit, which is how a full disk looks to a writer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
