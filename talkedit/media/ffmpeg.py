"""What is left to the ffmpeg program: putting streams together without touching them."""

import io
import math
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg

from talkedit.errors import MediaError, TalkeditError
from talkedit.media.decode import first_sample_s, open_media

CONTAINERS = (".mp4", ".mov", ".mkv")
AAC_CHANNELS = 8
# What ffmpeg's table of a container's codecs promises and its muxer then refuses.
_REFUSED = {".mp4": {"truehd"}, ".mov": {"truehd", "opus", "flac"}}


def check_encodes(sound: Path) -> None:
    """Refuses sound that cannot be encoded as AAC, before any work is done for it.

    Raises:
        MediaError: It has more channels; or the file cannot be read.
    """
    with open_media(sound) as container:
        known = [stream.codec_context for stream in container.streams.audio]
        n_channels = max((context.channels for context in known if context), default=0)
    if n_channels > AAC_CHANNELS:
        raise MediaError(
            sound,
            f"has sound of {n_channels} channels, and AAC holds {AAC_CHANNELS}; mix it down: ffmpeg -i IN -ac 2 OUT",
        )


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


@dataclass(frozen=True)
class Sound:
    """Where sound comes from.

    Attributes:
        path: A file; all its audio streams are taken, and it may have none.
        codec: ``copy`` leaves its packets as they are, ``aac`` encodes them (256 kb/s).
        begin_s: When its first sample is heard, on the picture's clock, for a file with a clock of its own; None for
            one that shares the picture's.
        at_most_s: What comes later is left out.
    """

    path: Path
    codec: str = "copy"
    begin_s: Fraction | None = None
    at_most_s: float | None = None

    def starts(self) -> list[tuple[Fraction, Fraction]]:
        """(First time stamp, time base), in seconds, of each stream that shares the picture's clock.

        Raises:
            MediaError: The file cannot be read.
        """
        if self.begin_s is not None:
            return []
        with open_media(self.path) as container:
            known = [(stream.start_time, stream.time_base) for stream in container.streams.audio]
        return [(start * base, base) for start, base in known if start is not None and base is not None]

    def labels(self) -> dict[str, str]:
        """Language and title of each stream, as options of an output: several are told apart by nothing else.

        Raises:
            MediaError: The file cannot be read.
        """
        with open_media(self.path) as container:
            tags = [stream.metadata for stream in container.streams.audio]
        # ffmpeg-python takes an option once. Of the sound the first stream is 0; of all it is 1, after the picture.
        languages = {f"metadata:s:a:{at}": f"language={tag.get('language', '')}" for at, tag in enumerate(tags)}
        titles = {
            f"metadata:s:{at}": f"title={tag.get('title', tag.get('name', ''))}" for at, tag in enumerate(tags, 1)
        }
        return languages | titles

    def stream(self, zero_s: Fraction) -> Any:
        """For ffmpeg-python, counted from `zero_s` of the picture's clock.

        Raises:
            MediaError: The file cannot be read.
        """
        begin_s = Fraction(0) if self.begin_s is None else self.begin_s - first_sample_s(self.path)
        options = {"itsoffset": _microseconds(begin_s - zero_s)}
        if self.at_most_s is not None:
            options["t"] = f"{self.at_most_s:.6f}"
        return ffmpeg.input(_local(self.path), **options)["a?"]


def check_holds(source: Path, out: Path) -> None:
    """Refuses to copy sound into a container that cannot hold it, before any work is done for it.

    Raises:
        MediaError: It cannot; or the source cannot be read.
    """
    with open_media(source) as container:
        known = [stream.codec_context for stream in container.streams.audio]
        codecs = {context.codec.canonical_name for context in known if context}
    if None in known:
        raise MediaError(
            source,
            "has sound in a codec that is not known here; leave that out: ffmpeg -i IN -map 0:v -map 0:a:0 -c copy OUT",
        )
    suffix = out.suffix.lower()
    if suffix == ".mkv":
        return
    with av.open(io.BytesIO(), "w", format=suffix.removeprefix(".")) as container:
        refused = sorted((codecs - container.supported_codecs) | (codecs & _REFUSED.get(suffix, set())))
    if refused:
        raise MediaError(
            out, f"cannot hold the input's sound ({', '.join(refused)}); use .mkv, which can, or --reencode-audio"
        )


def mux_audio(video: Path, sound: Sound, part: Path, out: Path, begin_s: Fraction = Fraction(0)) -> None:
    """Puts the picture of one file and all sound of another into a third; no packet of the picture is changed.

    The result begins at 0, whatever the clock of a broadcast said, or as near as leaves every time exact; sound that
    began before or after the picture still does, by as much. Matroska counts in milliseconds.

    Args:
        video: Its first video stream, which begins at 0, is taken.
        sound: The sound.
        part: The file to write; what is left of it after an error is removed.
        out: What it will be called, for messages.
        begin_s: When the picture begins, on the clock that it shares with the sound.

    Raises:
        MediaError: The sound cannot be read; or ffmpeg cannot do it: the message has its last words.
    """
    tick_s, container_options = _container(video, out)
    zero_s = _zero_s([(begin_s, tick_s), *sound.starts()])
    options = {"c:v": "copy", "c:a": sound.codec, "map_metadata": -1, "map_chapters": -1}
    options |= sound.labels() | ({"b:a": "256k"} if sound.codec == "aac" else {})
    picture = ffmpeg.input(_local(video), itsoffset=_microseconds(begin_s - zero_s))["v:0"]
    job = ffmpeg.output(picture, sound.stream(zero_s), _local(part), **options, **container_options)
    job = job.global_args("-copyts", "-nostdin", "-loglevel", "error")
    try:
        _run(job.compile(cmd=ffmpeg_path(), overwrite_output=True), out)
    except MediaError:
        part.unlink(missing_ok=True)
        raise


def _zero_s(starts: list[tuple[Fraction, Fraction]]) -> Fraction:
    """The time, not after the first start, that is a whole number of units of every time base."""
    bases = [base for _, base in starts]
    unit_s = Fraction(math.lcm(*(base.numerator for base in bases)), math.gcd(*(base.denominator for base in bases)))
    return min(start for start, _ in starts) // unit_s * unit_s


def _container(video: Path, out: Path) -> tuple[Fraction, dict[str, str | int]]:
    """The picture's seconds per tick, and how the container is written."""
    with av.open(_local(video)) as container:
        stream = container.streams.video[0]
        tick_s = stream.time_base or Fraction(1, 90_000)
        # Players of Apple's know HEVC by no other tag.
        tag = {"tag:v": "hvc1"} if stream.codec_context.name == "hevc" else {}
    if out.suffix.lower() == ".mkv":
        return tick_s, {}
    return tick_s, {"movflags": "+faststart", "video_track_timescale": tick_s.denominator} | tag


def _microseconds(time_s: Fraction) -> str:
    """Seconds as ffmpeg takes them; to the nearest tick that is exact."""
    return f"{float(time_s):.6f}"


def _local(path: Path) -> str:
    """An absolute path, which ffmpeg can take neither for an option nor for a protocol."""
    return str(path.resolve())


def _run(command: list[str], out: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if done.returncode != 0:
        last_words = " ".join(done.stderr.split())[-400:] or f"it ended with status {done.returncode}"
        raise MediaError(
            out,
            f"ffmpeg cannot write it: {last_words}; check the free space; if it is the sound, use .mkv, which takes "
            "any, or --reencode-audio",
        )
