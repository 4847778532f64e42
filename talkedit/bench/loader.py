"""How fast training data is read: our loader, and Wav2Lip's way from the same clips."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils.data import default_collate

from talkedit.bench.one_by_one import read_item, unpack
from talkedit.shards.index import index_split
from talkedit.shards.loader import KEPT_BYTES, Loader
from talkedit.shards.windows import Window, to_batch
from talkedit.train.ahead import Ahead

SPLIT, SEED = "train", 0
MAX_CLIPS_AS_JPEGS = 20
FIRST, SECOND = "talkedit, first pass", "talkedit, second pass"
ANEW, ANEW_FLOATS = "talkedit, nothing kept", "the same, to floats"


@dataclass(frozen=True)
class Reading:
    """How fast one way reads.

    Attributes:
        name: Which way.
        n_frames: Frames read, targets and sources.
        seconds: How long it took.
        cpu_s: Processor time of all threads.
    """

    name: str
    n_frames: int
    seconds: float
    cpu_s: float

    @property
    def frames_per_s_per_core(self) -> float:
        """Frames for each second of processor time."""
        return self.n_frames / self.cpu_s


def read_in_turns(
    shards: Path, image_px: int, n_frames: int, n_windows: int, n_rounds: int, turn_done: Callable[[], None]
) -> list[list[Reading]]:
    """Reads windows both ways, Wav2Lip's first, in turns.

    Args:
        shards: Folder of the shards stage.
        image_px: Side of the pictures.
        n_frames: T, frames in a window.
        n_windows: Windows in a step.
        n_rounds: Turns of each.
        turn_done: Called after each turn.

    Returns:
        For each round: Wav2Lip's way, then ours: the first time through the footage, the second time, and where nothing
        is kept, as of footage larger than memory; the last once more, to floats, which Wav2Lip's way also comes to.
    """
    rounds = []
    # Threads of a library that wait for each other in a loop would count as work, Wav2Lip's more than ours.
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        clips = unpack(shards, SPLIT, Path(folder), MAX_CLIPS_AS_JPEGS)
        read_item(clips[0], image_px, n_frames, np.random.default_rng(SEED))  # imports what reads sound
        shape = shards, image_px, n_frames, n_windows
        for seed in range(n_rounds):
            theirs = _one_by_one(clips, image_px, n_frames, n_windows, seed)
            first, second = _streamed(*shape, seed, KEPT_BYTES, to_batch)
            _, anew = _streamed(*shape, seed, 0, to_batch)
            _, floats = _streamed(*shape, seed, 0, _to_floats)
            ours = ((FIRST, first), (SECOND, second), (ANEW, anew), (ANEW_FLOATS, floats))
            rounds.append([theirs, *(replace(reading, name=name) for name, reading in ours)])
            turn_done()
    return rounds


def waited_share(shards: Path, image_px: int, n_frames: int, n_windows: int, step_s: float, n_steps: int) -> float:
    """Share of the time that a training waits for our loader, whose steps keep a core busy for `step_s` each."""
    with (
        Loader(shards, SPLIT, image_px, n_frames, n_windows, SEED) as loader,
        Ahead(lambda step: to_batch(loader.windows(step)), n_steps + 1) as ahead,
    ):
        ahead.take(0)  # the first clips cannot but be waited for
        started, before = time.monotonic(), ahead.waited_s
        for step in range(1, n_steps + 1):
            ahead.take(step)
            _work(step_s)
        return (ahead.waited_s - before) / (time.monotonic() - started)


def _streamed(
    shards: Path,
    image_px: int,
    n_frames: int,
    n_windows: int,
    seed: int,
    kept_bytes: int,
    stack: Callable[[list[Window]], object],
) -> tuple[Reading, Reading]:
    """From nothing decoded, twice through the footage: each frame is a target about once each time.

    The first time every clip is decoded, those of the steps to come too. Where none stays in memory, only a second of
    each is, and again the second time.
    """
    n_items = sum(entry.n_frames // n_frames for entry in index_split(shards, SPLIT))
    n_steps = max(n_items // n_windows, 1)
    with Loader(shards, SPLIT, image_px, n_frames, n_windows, seed, kept_bytes=kept_bytes) as loader:

        def once(steps: range) -> Reading:
            started, cpu = time.perf_counter(), time.process_time()
            for step in steps:
                stack(loader.windows(step))
            seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
            return Reading("talkedit", 2 * n_frames * n_windows * len(steps), seconds, cpu_s)

        return once(range(n_steps)), once(range(n_steps, 2 * n_steps))


def _to_floats(windows: list[Window]) -> tuple[Tensor, Tensor]:
    """The pictures as a CPU's networks take them; on a GPU bytes are moved there, and made floats there."""
    batch = to_batch(windows)
    return batch.target.float().div_(255), batch.source.float().div_(255)


def _one_by_one(clips: list[Path], image_px: int, n_frames: int, n_windows: int, seed: int) -> Reading:
    random = np.random.default_rng(seed)
    started, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(clips), n_windows):
        default_collate([read_item(clip, image_px, n_frames, random) for clip in clips[first : first + n_windows]])
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    return Reading("Wav2Lip's way", 2 * n_frames * len(clips), seconds, cpu_s)


def _work(seconds: float) -> None:
    matrix, until = torch.rand(256, 256), time.perf_counter() + seconds
    while time.perf_counter() < until:
        torch.mm(matrix, matrix)
