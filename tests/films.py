"""Real footage in the shapes that users bring: the sample clip, cut and changed by ffmpeg."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av

from talkedit.media.decode import Decoder
from talkedit.media.ffmpeg import ffmpeg_path
from talkedit.media.planes import Planes, format_of, to_format, upright_planes

FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-bf", "0")


def remake(source: Path, out: Path, *options: str, codec: tuple[str, ...] = FAST, before: tuple[str, ...] = ()) -> Path:
    """Runs ffmpeg over a file: `options` stand between input and codec, `before` in front of the input."""
    quiet = [ffmpeg_path(), "-loglevel", "error", "-nostdin"]
    command = [*quiet, *before, "-i", str(source), *options, *codec, str(out)]
    subprocess.run(command, check=True)
    return out


def planes_of(path: Path) -> list[Planes]:
    """Y, U and V of every frame, as decoded."""
    return [upright_planes(to_format(frame, format_of(frame), path)) for _, frame in Decoder(path).frames()]


def sound_of(path: Path) -> list[tuple[bytes, Fraction | None]]:
    """Every audio packet with its time in seconds, undecoded."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [
            (bytes(p), p.pts * p.time_base if p.pts is not None else None) for p in container.demux(stream) if p.size
        ]
