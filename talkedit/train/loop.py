"""The loop that every training here goes through: progress, live curves, checkpoints, resume."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from dvclive.live import Live
from torch.optim import Optimizer

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically
from talkedit.progress import progress_bar
from talkedit.train.checkpoint import Checkpoint

Step = Callable[[int], dict[str, torch.Tensor]]

CHECKPOINT_EVERY_S = 60.0
WARM_UP_STEPS = 20


def run_steps(
    name: str,
    step_once: Step,
    n_steps: int,
    n_images: int,
    log_every_n_steps: int,
    checkpoint: Checkpoint,
    live_folder: Path,
) -> dict[str, float]:
    """Runs `step_once` for the steps that are left, and keeps the state safe meanwhile.

    Args:
        name: What is trained, for the progress bar.
        step_once: Trains one step and returns its named losses, scalars.
        n_steps: Steps of a whole run.
        n_images: Images in a step, for the rate.
        log_every_n_steps: How often the losses, averaged since the last time, go to the live curves.
        checkpoint: The run's state; it is resumed if there is one.
        live_folder: Where DVCLive writes.

    Returns:
        The losses averaged over the last stretch, and ``images_per_s``.
    """
    first = checkpoint.load()
    _forget_after(live_folder, first)
    sums: dict[str, float] = {}
    means: dict[str, float] = {}
    started = saved = time.monotonic()
    with (
        Live(str(live_folder), resume=first > 0, save_dvc_exp=False, dvcyaml=None, monitor_system=False) as live,
        progress_bar() as bar,
    ):
        task = bar.add_task(name, total=n_steps * n_images, completed=first * n_images, unit="images", note="")
        for step in range(first, n_steps):
            losses = {key: float(value.detach()) for key, value in step_once(step).items()}
            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + value
            bar.update(task, advance=n_images, note=_note(losses))
            done = step + 1
            if done % log_every_n_steps == 0 or done == n_steps:
                n_summed = (done - 1) % log_every_n_steps + 1
                means = {key: value / min(n_summed, done - first) for key, value in sums.items()}
                sums = {}
                _log(live, means, done)
            if time.monotonic() - saved > CHECKPOINT_EVERY_S and done < n_steps:
                checkpoint.save(done)
                saved = time.monotonic()
    means["images_per_s"] = (n_steps - first) * n_images / max(time.monotonic() - started, 1e-9)
    return means


def check_finite(losses: dict[str, torch.Tensor], step: int, keys: list[str]) -> None:
    """Ends a run whose losses are no numbers; to be called before the backward pass, which such a loss can crash.

    Args:
        losses: Named scalars.
        step: Which step.
        keys: The windows that the step looks at.

    Raises:
        TalkeditError: A loss is not finite.
    """
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    if not all(map(math.isfinite, values.values())):
        raise TalkeditError(
            f"a loss is not finite at step {step} ({values}) on {', '.join(keys)}; look at these clips, or lower the "
            "learning rate"
        )


def set_learning_rate(optimizer: Optimizer, peak: float, step: int, n_steps: int, decay_from: float) -> None:
    """Warms up over 20 steps, holds `peak`, then falls linearly to 0 over the last ``1 - decay_from`` of the run."""
    left = (n_steps - step) / (n_steps * (1 - decay_from))
    for group in optimizer.param_groups:
        group["lr"] = peak * min((step + 1) / WARM_UP_STEPS, left, 1.0)


def _log(live: Live, means: dict[str, float], step: int) -> None:
    live.step = step
    for key, value in means.items():
        live.log_metric(key, value, plot=True)
    live.make_summary()


def _forget_after(live_folder: Path, step: int) -> None:
    """Takes off the curves what a killed run had drawn past its checkpoint: the run will pass there again."""
    for curve in live_folder.glob("plots/metrics/**/*.tsv"):
        header, *points = curve.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [point for point in points if point.endswith("\n") and int(point.split("\t")[0]) <= step]
        write_atomically(curve, "".join([header, *kept]).encode())


def _note(losses: dict[str, float]) -> str:
    key = next(iter(losses))
    return f"{key} {losses[key]:.4f}"
