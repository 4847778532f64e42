"""The loop that every training here goes through: progress, live curves, checkpoints, resume."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from talkedit.errors import TalkeditError
from talkedit.progress import progress_bar
from talkedit.train.ahead import Ahead
from talkedit.train.checkpoint import Checkpoint
from talkedit.train.curves import Curves, NoCurves
from talkedit.train.machine import gradient_scaler

Step = Callable[[int], dict[str, Tensor]]

CHECKPOINT_EVERY_S = 60.0
WARM_UP_STEPS = 20


class Pace:
    """How fast it goes from now on, and how much of the time is spent waiting for data."""

    def __init__(self, ahead: Ahead[Any]) -> None:
        self._ahead, self._waited_s, self._started = ahead, ahead.waited_s, time.monotonic()

    def after(self, n_images: int) -> dict[str, float]:
        """The pace over `n_images`."""
        elapsed_s = max(time.monotonic() - self._started, 1e-9)
        waited_s = self._ahead.waited_s - self._waited_s
        return {"images_per_s": n_images / elapsed_s, "data_wait_share": waited_s / elapsed_s}


def run_steps(
    name: str,
    step_once: Step,
    n_steps: int,
    n_images: int,
    log_every_n_steps: int,
    checkpoint: Checkpoint,
    curves: Curves,
    ahead: Ahead[Any],
    fabric: Fabric,
) -> dict[str, float]:
    """Runs `step_once` for the steps that are left, and keeps the state safe, until the caller removes it.

    Of several processes the first alone writes anything; all must read the same state.

    Args:
        name: What is trained, for the progress bar.
        step_once: Trains one step and returns its named losses, scalars.
        n_steps: Steps of a whole run.
        n_images: Images in a step, of all processes together.
        log_every_n_steps: How often the losses, averaged since the last time and over the processes, and the pace go
            to the live curves.
        checkpoint: The run's state; it is resumed if there is one.
        curves: The live curves.
        ahead: Where steps take their data from.
        fabric: The processes.

    Returns:
        The losses averaged over the last stretch; ``images_per_s`` and ``data_wait_share`` of this run's steps. Of a
        run that was stopped after its last step, what it had.
    """
    scaler, leads = gradient_scaler(fabric), fabric.is_global_zero
    first = checkpoint.load(scaler)
    fabric.barrier()  # where no step is left, the first is soon done, and removes what the others are still to read
    curves = curves if leads else NoCurves()
    stretch: list[dict[str, Tensor]] = []
    means: dict[str, float] = {}
    whole_pace = pace = Pace(ahead)
    saved = time.monotonic()
    curves.begin(first)
    try:
        with progress_bar(shown=leads) as bar:
            task = bar.add_task(name, total=n_steps * n_images, completed=first * n_images, unit="images", note="")
            for done in range(first + 1, n_steps + 1):
                stretch.append(step_once(done - 1))
                bar.advance(task, n_images)
                if done % log_every_n_steps == 0 or done == n_steps:
                    means = _means(stretch, fabric)
                    points = means | pace.after(len(stretch) * n_images)
                    curves.add(points, done)
                    bar.update(task, note=_note(points))
                    stretch, pace = [], Pace(ahead)
                if leads and time.monotonic() - saved > CHECKPOINT_EVERY_S and done < n_steps:
                    checkpoint.save(done, scaler)
                    saved = time.monotonic()
    finally:
        curves.end()
    if first == n_steps:
        return checkpoint.metrics
    metrics = means | whole_pace.after((n_steps - first) * n_images)
    if leads:  # what comes after the last step can take long, and is no reason to train again
        checkpoint.save(n_steps, scaler, metrics)
    return metrics


def check_finite(losses: dict[str, Tensor], step: int, keys: list[str], fabric: Fabric) -> None:
    """Ends a run whose losses are no numbers; to be called before the backward pass, which such a loss can crash.

    Args:
        losses: Named scalars.
        step: Which step.
        keys: The windows that the step looks at.
        fabric: The processes, which all end.

    Raises:
        TalkeditError: A loss is not finite, in this process or another.
    """
    values = torch.stack([loss.detach().float() for loss in losses.values()])
    if _everywhere(values.isfinite().all(), fabric):
        return
    if values.isfinite().all():
        raise TalkeditError(f"a loss is not finite at step {step} in another process, which says on which clips")
    _stop("a loss", dict(zip(losses, values.tolist(), strict=True)), step, keys)


def clip_gradient(
    network: nn.Module, optimizer: Optimizer, max_norm: float, step: int, keys: list[str], fabric: Fabric
) -> None:
    """Scales the gradient down to `max_norm`, and ends a run whose gradient is no number before it gets into weights.

    In float16 an overflow is normal while the scale of the gradients is looked for, and its step is left out; once
    the scale has fallen below 1 it is not the scale's.

    Args:
        network: From `Fabric.setup`.
        optimizer: Likewise.
        max_norm: Infinite: nothing is scaled.
        step: Which step.
        keys: The windows that the step looks at.
        fabric: The processes, which all have the same gradient.

    Raises:
        TalkeditError: It is not finite.
    """
    norm: Tensor = fabric.clip_gradients(  # type: ignore[assignment] (None only where values are clipped)
        network, optimizer, max_norm=max_norm, error_if_nonfinite=False
    )
    scaler = gradient_scaler(fabric)
    if not bool(norm.isfinite()) and (scaler is None or scaler.get_scale() < 1):
        _stop("the gradient", {"norm": float(norm)}, step, keys)


def set_learning_rate(optimizer: Optimizer, peak: float, step: int, n_steps: int, decay_from: float) -> None:
    """Warms up over 20 steps, holds `peak`, then falls linearly to 0 over the last ``1 - decay_from`` of the run."""
    left = (n_steps - step) / (n_steps * (1 - decay_from))
    for group in optimizer.param_groups:
        group["lr"] = peak * min((step + 1) / WARM_UP_STEPS, left, 1.0)


def step_random(seed: int, step: int) -> torch.Generator:
    """Chance of a step, on the CPU: the same in all processes and after a resume, another for every seed and step."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0]))


def _everywhere(holds: Tensor, fabric: Fabric) -> bool:
    """Whether it holds in every process: one that ended alone would leave the others waiting for it."""
    return bool(fabric.all_reduce(holds.float(), reduce_op="mean") == 1)  # type: ignore[operator]


def _stop(what: str, values: dict[str, float], step: int, keys: list[str]) -> None:
    raise TalkeditError(
        f"{what} is not finite at step {step} ({values}) on {', '.join(keys)}; look at these clips, or lower the "
        "learning rate"
    )


def _means(stretch: list[dict[str, Tensor]], fabric: Fabric) -> dict[str, float]:
    """Each loss averaged over the steps of a stretch and all processes."""
    names = list(stretch[0])
    values = torch.stack([torch.stack([losses[name].detach().double() for name in names]) for losses in stretch])
    mean: Tensor = fabric.all_reduce(values.mean(dim=0), reduce_op="mean")  # type: ignore[assignment]
    return dict(zip(names, mean.tolist(), strict=True))


def _note(points: dict[str, float]) -> str:
    loss = next(iter(points))
    return f"{loss} {points[loss]:.4f}, {points['data_wait_share']:.0%} waiting for data"
