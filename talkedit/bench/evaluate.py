"""How long the examination of a model on held-out clips takes, part by part, by one process and by several.

Every examination is a process of its own, with those that it starts: loading the networks is timed too.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from talkedit.errors import TalkeditError
from talkedit.evaluate.examine import PARTS, evaluate
from talkedit.evaluate.settings import EvaluateParams
from talkedit.params import load_section
from talkedit.records import CLIP_FPS
from talkedit.shards.index import index_split
from talkedit.stage import run_stage

SAMPLE_EVERY_S = 0.25
MANY_CLIPS, CLIP_S = 100, 3  # what is projected to
SWEEPS = PARTS[-1]
REST = "loading, and all else"


class Examined(NamedTuple):
    """What is examined.

    Attributes:
        shards: Folder of the shards stage.
        model: The model's folder.
        judges: Folder of the stage train_discriminator.
        params: The params.yaml whose section evaluate says how.
        n_clips: Most clips, and as many pairs.
        n_swept: Clips in the closed loop, and driven by other clips' speech.
    """

    shards: Path
    model: Path
    judges: Path
    params: Path
    n_clips: int
    n_swept: int


def examine_apart(examined: Examined, n_workers: int, folder: Path) -> dict[str, Any]:
    """Examines in a process of its own.

    Args:
        examined: What.
        n_workers: Processes that share the clips.
        folder: For what comes out.

    Returns:
        The figures of `examine_once`.

    Raises:
        TalkeditError: The examination fails.
    """
    arguments = [*map(str, examined), str(n_workers), str(folder)]
    command = [sys.executable, "-m", "talkedit.bench.evaluate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["its process died"]
        raise TalkeditError(f"{examined.model}: cannot be examined: {said[-1].removeprefix('error: ')}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def examine_once(examined: Examined, n_workers: int, folder: Path) -> dict[str, Any]:
    """Examines in this process and those that it starts.

    Returns:
        `seconds` and `cpu_s` of each part, by its name; `n_clips`, `n_pairs` and `n_frames`; `peak_mb`, the most memory
        of all these processes together, what they share counted in each.
    """
    params, family = chosen_params(examined), Family()
    with family:
        _, details = evaluate(
            examined.shards, examined.model, examined.judges, None, folder, params, n_workers, family.part_done
        )
    lengths = [entry.n_frames for entry in index_split(examined.shards, "validation")]
    mean_frames = sum(lengths) / len(lengths)
    counts = {name: details[name] for name in ("n_clips", "n_pairs")}
    return {
        "workers": n_workers,
        **counts,
        "n_swept": min(examined.n_swept, counts["n_clips"]),
        "frames_a_clip": mean_frames,
        "seconds": family.seconds,
        "cpu_s": family.cpu_s,
        "peak_mb": round(family.peak_mb),
    }


def chosen_params(examined: Examined) -> EvaluateParams:
    """Those of the file with so many clips, and the person's own expert: SyncNet hears sound that no shard holds."""
    n_clips, n_swept = examined.n_clips, examined.n_swept
    changes = {"n_pairs": n_clips, "max_clips": n_clips, "sweep_clips": n_swept, "sync": "own"}
    return load_section(examined.params, EvaluateParams).model_copy(update=changes)


class Family:
    """Watches this process and those that it starts.

    Attributes:
        seconds: Of each part, by its name.
        cpu_s: Processor time of all of them, likewise.
        peak_mb: The most memory of all of them together.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self.peak_mb = 0.0
        self._known_s: dict[int, float] = {}  # processor time by process: those that ended had some too
        self._done, self._watcher = threading.Event(), threading.Thread(target=self._watch)
        self._last = 0.0, 0.0

    def __enter__(self) -> "Family":
        self._watcher.start()
        self._last = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()
        self._add(REST)

    def part_done(self, part: str) -> None:
        """Called when a part is done; parts that are none of `PARTS` are the rest."""
        self._add(part if part in PARTS else REST)

    def _add(self, part: str) -> None:
        now = self._now()
        for name, figures in enumerate((self.seconds, self.cpu_s)):
            figures[part] = figures.get(part, 0.0) + now[name] - self._last[name]
        self._last = now

    def _now(self) -> tuple[float, float]:
        self._look()
        return time.perf_counter(), sum(self._known_s.values())

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        this, memory = psutil.Process(), 0
        for process in [this, *this.children(recursive=True)]:
            try:
                times, memory = process.cpu_times(), memory + process.memory_info().rss
            except psutil.Error:  # it has just ended
                continue
            self._known_s[process.pid] = times.user + times.system
        self.peak_mb = max(self.peak_mb, memory / 1e6)


def evaluate_rows(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a part, and one for all but the sweeps; `times_first` is how many times as fast as in the first run."""
    names = [part for part in (*PARTS, REST) if part in runs[0]["seconds"]]
    groups = {name: [name] for name in names} | {f"all but {SWEEPS}": [name for name in names if name != SWEEPS]}
    rows = []
    for title, parts in groups.items():
        seconds, cpu_s = ([sum(run[key][part] for part in parts) for run in runs] for key in ("seconds", "cpu_s"))
        rows.append(
            {
                "name": title,
                "seconds": [round(value, 1) for value in seconds],
                "cpu_s": [round(value, 1) for value in cpu_s],
                "times_first": round(seconds[0] / max(seconds[-1], 1e-3), 2),
            }
        )
    return rows


def projected_minutes(run: dict[str, Any], key: str = "seconds") -> float:
    """How long 100 clips of 3 s and 100 pairs would take, sweeps apart, in minutes.

    The parts that go by clips and pairs grow with their frames. Few clips project too much: the networks that each
    process loads are counted in its first ones.

    Args:
        run: Of `examine_once`.
        key: ``seconds`` or ``cpu_s``.
    """
    frames = MANY_CLIPS * CLIP_S * float(CLIP_FPS)
    looking, drawing, giving, _ = PARTS
    n_examined = {looking: run["n_clips"], drawing: run["n_clips"], giving: run["n_pairs"]}
    grown = sum(run[key][part] / (n * run["frames_a_clip"]) * frames for part, n in n_examined.items() if n)
    return (grown + run[key][REST]) / 60


def _main() -> None:
    shards, model, judges, params = map(Path, sys.argv[1:5])
    n_clips, n_swept, n_workers = map(int, sys.argv[5:8])
    examined = Examined(shards, model, judges, params, n_clips, n_swept)
    print(json.dumps(examine_once(examined, n_workers, Path(sys.argv[8]))))


if __name__ == "__main__":
    run_stage(_main)
