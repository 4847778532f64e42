"""How fast videos are edited, from file to file and by the network alone, and in how much memory.

Every edit runs in a process of its own, whose peak is its own: with Python and all libraries, what the system counts
as resident.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from talkedit.bench import made_up
from talkedit.bench.machine import peak_resident_mb
from talkedit.edit.draw import frames_at_once
from talkedit.edit.editor import Editor
from talkedit.edit.renderer import Renderer
from talkedit.edit.speech import listen
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Wanted
from talkedit.errors import TalkeditError
from talkedit.media.audio import N_MELS
from talkedit.media.ffmpeg import ffmpeg_path
from talkedit.media.rewrite import Encoding
from talkedit.media.video import probe
from talkedit.train.artifact import TrainedModel

N_DRAWN = 60  # frames that the network alone draws
MEL_WINDOW = 16


def remade(source: Path, out: Path, height_px: int | None = None, seconds: float | None = None) -> Path:
    """The video at another height, or over and over again until it is so long; encoded so that little is lost.

    Raises:
        TalkeditError: ffmpeg cannot do it.
    """
    again = ["-stream_loop", "-1"] if seconds else []
    cut = ["-t", str(seconds)] if seconds else []
    scale = ["-vf", f"scale=-2:{height_px}"] if height_px else []
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "14", "-c:a", "aac", "-y"]
    command = [ffmpeg_path(), "-loglevel", "error", "-nostdin", *again, "-i", str(source), *cut, *scale, *encoder]
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise TalkeditError(f"{source}: cannot be made into {out.name}: {done.stderr.strip()[-200:]}")
    return out


def measure_edit(model: Path, source: Path, folder: Path) -> dict[str, Any]:
    """Edits a video in a process of its own.

    Returns:
        The figures of `edit_once`.

    Raises:
        TalkeditError: The edit fails.
    """
    command = [sys.executable, "-m", "talkedit.bench.edit", str(model), str(source), str(folder / "out.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise TalkeditError(f"{source}: cannot be edited: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def edit_once(model: Path, source: Path, out: Path) -> dict[str, Any]:
    """Edits a video: eyes half closed, everything as `talkedit edit` does it but for the report.

    What is loaded once, however long the video is, is not timed.

    Returns:
        Size, frames, and frames a second: of the video, of the whole edit, of its first pass (face and measuring), of
        its second (drawing and encoding), and of the network alone, as many frames at once as in an edit, by all
        threads; `peak_mb`, the most memory of this process, or None where the system does not tell.
    """
    editor, info = Editor.load(model), probe(source)
    asked = Timeline(eye_openness="x0.5").taken_by(editor.model.params.attributes)
    wanted = Wanted(asked, force=True, accept_damage=True)
    listen(source)  # loads librosa, which takes seconds
    begin_s = time.perf_counter()
    plan, _ = editor.plan(source, wanted)
    first_s = time.perf_counter() - begin_s
    size_px = plan.measured.shots[0].track.size_px
    del plan  # or the memory of two would be measured
    begin_s = time.perf_counter()
    n_frames = editor.edit(source, out, wanted, Encoding()).n_frames
    all_s = time.perf_counter() - begin_s
    peak_mb = peak_resident_mb()
    return {
        "size": f"{info.width_px}x{info.height_px}",
        "n_frames": n_frames,
        "source_fps": round(float(info.average_fps), 2),
        "fps": round(n_frames / all_s, 2),
        "first_pass_fps": round(n_frames / first_s, 2),
        "second_pass_fps": round(n_frames / max(all_s - first_s, 1e-3), 2),
        "network_fps": round(_network_fps(editor.model, size_px), 2),
        "peak_mb": peak_mb and round(peak_mb),
    }


def _network_fps(model: TrainedModel, size_px: int) -> float:
    """Crops that are drawn in a second."""
    n = frames_at_once(size_px)
    renderer, crops, asked = Renderer(model), made_up.crops(n, size_px), made_up.attributes(n)
    asked_heads, mel = made_up.heads(asked.pose_deg), np.zeros((n, N_MELS, MEL_WINDOW), np.float32)
    begin_s, n_batches = 0.0, N_DRAWN // n
    for number in range(n_batches + 1):
        renderer.draw(crops, asked_heads, crops, mel, asked, crops.lips)
        begin_s = begin_s if number else time.perf_counter()  # the first one warms up
    return n_batches * n / (time.perf_counter() - begin_s)


if __name__ == "__main__":
    print(json.dumps(edit_once(*map(Path, sys.argv[1:]))))
