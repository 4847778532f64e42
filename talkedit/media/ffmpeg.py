"""What is left to the ffmpeg program: putting streams together without touching them."""

import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import imageio_ffmpeg

from talkedit.errors import MediaError, TalkeditError

CONTAINERS = (".mp4", ".mov", ".mkv")


def ffmpeg_path() -> str:
    """The ffmpeg program: the one on PATH, else the one that came with imageio-ffmpeg.

    Raises:
        TalkeditError: There is neither.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise TalkeditError("there is no ffmpeg; install it, or install the package imageio-ffmpeg again") from error


def mux_audio(video: Path, audio_from: Path, out: Path) -> None:
    """Puts the picture of one file and all sound of another into a third; no packet of either is changed.

    Time stamps are kept on the clocks that both files have, so sound that began before or after the picture still
    does. In Matroska, which counts in milliseconds from zero, both may move together.

    Args:
        video: Its first video stream is taken.
        audio_from: All its audio streams are taken; it may have none.
        out: The file to write, .mp4, .mov or .mkv; replaced if there, and only once complete.

    Raises:
        MediaError: ffmpeg cannot do it; the message has its last words.
    """
    part = out.with_name(f".{out.stem}.{os.getpid()}.mux{out.suffix}")
    pictures, sound = ffmpeg.input(_local(video)), ffmpeg.input(_local(audio_from))
    options = {"c": "copy", "map_metadata": -1, "map_chapters": -1} | _container_options(video, out)
    job = ffmpeg.output(pictures["v:0"], sound["a?"], _local(part), **options)
    job = job.global_args("-copyts", "-nostdin", "-loglevel", "error")
    try:
        _run(job.compile(cmd=ffmpeg_path(), overwrite_output=True), out)
        part.replace(out)
    except OSError as error:
        raise MediaError(out, f"cannot be written ({error.strerror}); nothing was changed") from error
    finally:
        part.unlink(missing_ok=True)


def _container_options(video: Path, out: Path) -> dict[str, str | int]:
    if out.suffix.lower() == ".mkv":
        return {}
    return {"movflags": "+faststart", "video_track_timescale": _time_base(video).denominator}


def _time_base(video: Path) -> Fraction:
    with av.open(_local(video)) as container:
        return container.streams.video[0].time_base or Fraction(1, 90_000)


def _local(path: Path) -> str:
    """An absolute path, which ffmpeg can take neither for an option nor for a protocol."""
    return str(path.resolve())


def _run(command: list[str], out: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if done.returncode != 0:
        last_words = " ".join(done.stderr.split())[-400:] or f"it ended with status {done.returncode}"
        raise MediaError(
            out, f"ffmpeg cannot write it: {last_words}; check the free space, or use .mkv, which takes any sound"
        )
