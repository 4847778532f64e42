"""Trains the generator against the frozen discriminator, eye network and feature network."""

import sys
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn

from talkedit import __version__
from talkedit.closure import code_hash
from talkedit.models import losses
from talkedit.models.build import ModelParams, build_generator
from talkedit.models.discriminator import Discriminator
from talkedit.models.generator import Generator
from talkedit.models.landmarks import EyeNet, eye_places, eye_points
from talkedit.models.losses import LossParams
from talkedit.models.perceptual import Vgg16Features
from talkedit.params import Section
from talkedit.records import CLIP_FPS
from talkedit.shards.index import read_preparation, read_samples
from talkedit.shards.loader import Loader
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.ahead import Ahead
from talkedit.train.artifact import control_ranges, save_model
from talkedit.train.checkpoint import Checkpoint, run_key
from talkedit.train.curves import Curves
from talkedit.train.inputs import Inputs, jitter, make_inputs, to_device
from talkedit.train.judges import load_discriminator, load_eye_net, load_lip_net
from talkedit.train.loop import check_finite, clip_gradient, run_steps, set_learning_rate, step_random
from talkedit.train.machine import make_adam, make_fabric, place
from talkedit.train.processes import ALONE, Processes
from talkedit.train.realism import Adversary
from talkedit.train.vgg import load_vgg


class TrainParams(Section):
    """How the generator is trained."""

    section: ClassVar[str] = "train"
    seed: int = Field(ge=0, le=2**32 - 1, description="seed of weights and windows")
    n_steps: int = Field(gt=0, description="training steps")
    n_windows: int = Field(gt=0, description="windows in a step")
    learning_rate: float = Field(gt=0, description="Adam's, before it decays")
    decay_from: float = Field(ge=0, lt=1, description="share of the steps after which the learning rate falls to 0")
    max_grad_norm: float = Field(gt=0, description="the gradient is scaled down to this norm")
    ema_decay: float = Field(ge=0, lt=1, description="decay of the moving average of the weights, which is kept")
    other_clips_share: float = Field(
        ge=0, le=1, description="share of the windows that are drawn from another clip's frames"
    )
    jitter_share: float = Field(ge=0, lt=0.5, description="random shift and scale of the crops, share of the side")
    log_every_n_steps: int = Field(gt=0, description="steps between points of the curves")


class LookedAt(NamedTuple):
    """Frames that a term looks at, of which the processes may have more or fewer.

    Attributes:
        frames: (n,) which of this process's; may be none.
        weight: What each counts, so that the mean over processes of their weighted sums is the mean of all.
    """

    frames: Tensor
    weight: float


class Judges(nn.Module):
    """The frozen networks behind the losses: they are read, never changed, while the generator steps.

    Without `eyes` or `vgg` there is no blink or perceptual term.
    """

    def __init__(self, discriminator: Discriminator, eyes: EyeNet | None, vgg: Vgg16Features | None) -> None:
        super().__init__()
        self.discriminator, self.eyes, self.vgg = discriminator, eyes, vgg
        self.requires_grad_(False).eval()

    def terms(
        self, drawn: Tensor, inputs: Inputs, params: LossParams, step: int, looked_at: LookedAt
    ) -> dict[str, Tensor]:
        """The named losses of generated windows, but for the image discriminator's.

        Args:
            drawn: (B, T, 3, px, px), 0..1, what the generator gave, in the mask and around it.
            inputs: What it was given, and the truth.
            params: Weights; a term that counts nothing is not computed and is 0.
            step: Which step, for the ramp.
            looked_at: The frames that the perceptual term looks at.
        """
        seen = as_seen(drawn, inputs)
        flat, truth = drawn.flatten(0, 1), inputs.truth.flatten(0, 1)
        terms = {"l1": losses.l1(flat, truth, losses.l1_weight(inputs.mask, inputs.landmarks, params))}
        terms |= {name: flat.new_zeros(()) for name in ("v", "s", "b")}
        if self.vgg is not None and params.lambda_v:
            chosen = looked_at.frames.to(truth.device)
            with torch.no_grad():
                wanted = self.vgg(truth[chosen])
            of_each = losses.perceptual(self.vgg(seen.flatten(0, 1)[chosen]), wanted)
            terms["v"] = of_each.sum() * looked_at.weight
        ramp = losses.ramp(step, params)
        if ramp and params.lambda_s:
            terms["s"] = losses.sync(self.discriminator.distances(seen, inputs.mel, inputs.codes))
        if self.eyes is not None and ramp and params.lambda_b:
            places = eye_places(eye_points(inputs.landmarks))
            with torch.no_grad():
                wanted = self.eyes(truth, places)
            terms["b"] = losses.blink(self.eyes(seen.flatten(0, 1), places), wanted)
        return terms


def train_generator(
    shards: Path,
    discriminator_folder: Path,
    out: Path,
    curves: Curves,
    person: str,
    model: ModelParams,
    params: TrainParams,
    loss: LossParams,
) -> dict[str, Any]:
    """Trains a person's generator and writes the model folder.

    Args:
        shards: Folder of the shards stage.
        discriminator_folder: Folder of the train_discriminator stage.
        out: The model folder.
        curves: Where the live curves go.
        person: Whose model it is.
        model: Sizes.
        params: How to train.
        loss: What to train on.

    Returns:
        Metrics: the losses at the end, the pace and the share of the time spent waiting for data. Empty in all
        processes but the first, which alone writes anything.
    """
    fabric = make_fabric()
    fabric.seed_everything(params.seed, verbose=False)
    judges = _load_judges(discriminator_folder, model, loss).to(fabric.device)
    shape, rank, n_ranks = (model.image_px, model.n_frames, params.n_windows), fabric.global_rank, fabric.world_size
    sections = {section.section: section.model_dump() for section in (model, params, loss)}
    key = run_key(sections, code_hash(__file__), [shards, discriminator_folder])
    if fabric.is_global_zero:
        _say_what_never_counts(model, params, loss)
    with (
        Loader(shards, "train", *shape, params.seed, params.other_clips_share, rank, n_ranks) as data,
        Ahead(lambda step: _prepare(data, step, model, loss, fabric.device), params.n_steps) as ahead,
    ):
        training = _Training(judges, ahead, model, params, loss, fabric)
        checkpoint = Checkpoint(out, key, training.networks, training.optimizers)
        metrics = run_steps(
            "train_generator",
            training.step,
            params.n_steps,
            params.n_windows * model.n_frames,
            params.log_every_n_steps,
            checkpoint,
            curves,
            ahead,
            fabric,
        )
    if not fabric.is_global_zero:
        return {}
    average = training.average
    facts = {"person": person, "params": sections, "run_key": key}
    facts |= _footage_facts(shards) | {"n_parameters": sum(map(torch.numel, average.parameters()))}
    save_model(out, average, load_lip_net(discriminator_folder, model), facts)
    checkpoint.remove()
    return metrics


class _Training:
    """All that a step changes: the generator, the average of its weights, which is kept, the image discriminator."""

    def __init__(
        self,
        judges: Judges,
        ahead: Ahead[Batch],
        model: ModelParams,
        params: TrainParams,
        loss: LossParams,
        fabric: Fabric,
    ) -> None:
        self._judges, self._ahead, self._fabric, self._processes = judges, ahead, fabric, Processes.of(fabric)
        self._model, self._params, self._loss = model, params, loss
        generator, average = (place(build_generator(model), fabric) for _ in range(2))
        average.load_state_dict(generator.state_dict())
        self.generator, self.average = generator, average
        self.networks: dict[str, nn.Module] = {"generator": generator, "average": average}
        # What is trained goes through these two: they know about the other processes and about precision.
        adam = make_adam(generator, params.learning_rate, (0.9, 0.99), fabric)
        self._network, self._optimizer = fabric.setup(generator, adam)
        self.optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": self._optimizer.optimizer}
        self._adversary = Adversary(model, params.learning_rate, fabric) if loss.lambda_g else None
        if self._adversary:
            self.networks["image_discriminator"] = self._adversary.network
            self.optimizers["image_discriminator_optimizer"] = self._adversary.optimizer.optimizer

    def step(self, step: int) -> dict[str, Tensor]:
        """Trains one step; its named losses."""
        params, fabric = self._params, self._fabric
        random = step_random(params.seed, step)
        batch = jitter(self._ahead.take(step), params.jitter_share, random, self._processes)
        inputs = make_inputs(batch, self._model)
        drawn = draw_windows(self._network, inputs)
        n_frames = len(inputs.landmarks)
        looked_at = choose_frames(n_frames, self._loss.perceptual_share, random, self._processes)
        terms = self._judges.terms(drawn, inputs, self._loss, step, looked_at)
        seen, truth = as_seen(drawn, inputs).flatten(0, 1), inputs.truth.flatten(0, 1)
        adversary = self._adversary if losses.ramp(step, self._loss) else None
        terms["g"] = adversary.term(seen) if adversary else drawn.new_zeros(())
        total = losses.total(terms, self._loss, step)
        check_finite(terms, step, batch.keys, fabric)
        self._optimizer.zero_grad()
        fabric.backward(total)
        clip_gradient(self._network, self._optimizer, params.max_grad_norm, step, batch.keys, fabric)
        schedule = params.learning_rate, step, params.n_steps, params.decay_from
        set_learning_rate(self._optimizer, *schedule)
        self._optimizer.step()
        if adversary:
            set_learning_rate(adversary.optimizer, *schedule)
            adversary.learn(seen, truth, step, batch.keys)
        _follow(self.average, self.generator, params.ema_decay, step)
        return {"total": total.detach(), **{name: term.detach() for name, term in terms.items()}}


def _prepare(data: Loader, step: int, model: ModelParams, loss: LossParams, device: torch.device) -> Batch:
    """A step's windows.

    Only the discriminator looks at frames in a row. What differs between several guided sources moves from frame to
    frame, with no sound to it; edits and evaluation stay with one as well (`talkedit.edit.choice`).
    """
    judged = losses.ramp(step, loss) > 0 and loss.lambda_s > 0
    one_source = judged and model.sources == "guided"
    return to_device(to_batch(data.windows(step, in_a_row=judged, one_source=one_source)), device)


def _say_what_never_counts(model: ModelParams, params: TrainParams, loss: LossParams) -> None:
    ramped = [name for name in ("lambda_s", "lambda_b", "lambda_g") if getattr(loss, name)]
    if ramped and loss.ramp_start_step >= params.n_steps - 1:
        sys.stderr.write(
            f"{', '.join(ramped)} never count: loss.ramp_start_step is {loss.ramp_start_step}, train.n_steps "
            f"{params.n_steps}; lower the first to have them count\n"
        )
    if loss.lambda_b and "blink" not in model.attributes:
        sys.stderr.write("lambda_b never counts: model.attributes leaves out blink\n")


def _footage_facts(shards: Path) -> dict[str, Any]:
    """What the model card says of the footage and of how it was prepared."""
    footage = [sample.attributes for sample in read_samples(shards, "train")]
    n_frames = sum(len(attributes.eye_openness) for attributes in footage)
    preparation = read_preparation(shards)
    return {
        "talkedit": __version__,
        "who": preparation.pop("who", None),
        "preparation": preparation,
        "ranges": control_ranges(footage),
        "data": {"n_clips": len(footage), "seconds": n_frames / float(CLIP_FPS)},
    }


def as_seen(drawn: Tensor, inputs: Inputs) -> Tensor:
    """What people will see, (B, T, 3, px, px): the generated head in the ring that was left as it is."""
    return torch.lerp(inputs.truth, drawn, inputs.mask)


def draw_windows(generator: nn.Module, inputs: Inputs) -> Tensor:
    """(B, T, 3, px, px), what the generator draws for these inputs."""
    drawing = generator(inputs.source, inputs.masked, inputs.mel, inputs.codes)
    return drawing.image(inputs.truth.shape[-1], inputs.sources).unflatten(0, inputs.truth.shape[:2])


def _load_judges(folder: Path, model: ModelParams, loss: LossParams) -> Judges:
    # A generator that is not told of blinks is not judged by them: the ablations are without both.
    eyes = load_eye_net(folder, model) if "blink" in model.attributes else None
    return Judges(load_discriminator(folder, model), eyes, load_vgg(loss.perceptual_net if loss.lambda_v else "none"))


def choose_frames(n_frames: int, share: float, random: torch.Generator, processes: Processes = ALONE) -> LookedAt:
    """A random share, at least one, of all processes' frames, `n_frames` each: those that are this process's."""
    n_all = n_frames * processes.n
    n_chosen = max(round(n_all * share), 1)
    chosen = torch.randperm(n_all, generator=random)[:n_chosen] - processes.rank * n_frames
    return LookedAt(chosen[(chosen >= 0) & (chosen < n_frames)], processes.n / n_chosen)


@torch.no_grad()
def _follow(average: Generator, generator: Generator, decay: float, step: int) -> None:
    """The moving average of the weights; early on it forgets faster, so that it does not keep the start."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    current = generator.state_dict()
    for name, kept in average.state_dict().items():
        if kept.is_floating_point():  # parameters, and the batch norms' running statistics
            kept.lerp_(current[name], share)
