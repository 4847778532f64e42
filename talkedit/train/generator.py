"""Trains the generator against the frozen discriminator, eye network and feature network."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn

from talkedit import __version__
from talkedit.closure import code_hash
from talkedit.models import losses
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_generator
from talkedit.models.discriminator import Discriminator
from talkedit.models.generator import Generator
from talkedit.models.landmarks import EyeNet, eye_places
from talkedit.models.losses import LossParams
from talkedit.models.perceptual import Vgg16Features
from talkedit.params import Section
from talkedit.shards.loader import draw_batch, load_split, read_preparation
from talkedit.train.artifact import control_ranges, save_model
from talkedit.train.checkpoint import Checkpoint, load_weights, run_key
from talkedit.train.discriminator import DISCRIMINATOR_FILE, EYES_FILE
from talkedit.train.inputs import Inputs, jitter, make_inputs, to_device
from talkedit.train.loop import check_finite, run_steps, set_learning_rate
from talkedit.train.vgg import load_vgg


class TrainParams(Section):
    """How the generator is trained."""

    section: ClassVar[str] = "train"
    seed: int = Field(ge=0, description="seed of weights and windows")
    n_steps: int = Field(gt=0, description="training steps")
    n_windows: int = Field(gt=0, description="windows in a step")
    learning_rate: float = Field(gt=0, description="Adam's, before it decays")
    decay_from: float = Field(ge=0, lt=1, description="share of the steps after which the learning rate falls to 0")
    max_grad_norm: float = Field(gt=0, description="the gradient is scaled down to this norm")
    ema_decay: float = Field(ge=0, lt=1, description="decay of the moving average of the weights, which is kept")
    jitter_share: float = Field(ge=0, lt=0.5, description="random shift and scale of the crops, share of the side")
    log_every_n_steps: int = Field(gt=0, description="steps between points of the curves")


class Judges(nn.Module):
    """The frozen networks behind the losses: they are read, never changed, while the generator steps."""

    def __init__(self, discriminator: Discriminator, eyes: EyeNet, vgg: Vgg16Features | None) -> None:
        super().__init__()
        self.discriminator, self.eyes, self.vgg = discriminator, eyes, vgg
        self.requires_grad_(False).eval()

    def terms(self, drawn: Tensor, inputs: Inputs, params: LossParams, step: int, seed: int) -> dict[str, Tensor]:
        """The four named losses of generated windows.

        Args:
            drawn: (B, T, 3, px, px), 0..1, what the generator gave, in the mask and around it.
            inputs: What it was given, and the truth.
            params: Weights; a term that counts nothing is not computed and is 0.
            step: Which step, for the ramp and the choice of frames.
            seed: For the choice of frames.
        """
        # What people will see: the generated head in the ring that was left as it is.
        seen = torch.lerp(inputs.truth, drawn, inputs.mask)
        flat, truth = drawn.flatten(0, 1), inputs.truth.flatten(0, 1)
        terms = {"l1": losses.l1(flat, truth, inputs.mask, params.ring_weight)}
        terms |= {name: flat.new_zeros(()) for name in ("v", "s", "b")}
        if self.vgg is not None and params.lambda_v:
            chosen = _some_frames(len(truth), params.perceptual_share, step, seed).to(truth.device)
            with torch.no_grad():
                wanted = self.vgg(truth[chosen])
            terms["v"] = losses.perceptual(self.vgg(seen.flatten(0, 1)[chosen]), wanted)
        ramp = losses.ramp(step, params)
        if ramp and params.lambda_s:
            terms["s"] = losses.sync(self.discriminator.distances(seen, inputs.mel, inputs.codes))
        if ramp and params.lambda_b:
            places = eye_places(inputs.eyes)
            with torch.no_grad():
                wanted = self.eyes(truth, places)
            terms["b"] = losses.blink(self.eyes(seen.flatten(0, 1), places), wanted)
        return terms


def train_generator(
    shards: Path,
    discriminator_folder: Path,
    out: Path,
    live_folder: Path,
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
        live_folder: Where the live curves go.
        person: Whose model it is.
        model: Sizes.
        params: How to train.
        loss: What to train on.

    Returns:
        Metrics: the losses at the end, and the rate.
    """
    fabric = Fabric(accelerator="auto", devices=1)
    fabric.seed_everything(params.seed, verbose=False)
    clips = load_split(shards, "train", model.image_px)
    judges = _load_judges(discriminator_folder, model, loss).to(fabric.device)
    generator = build_generator(model)
    average = build_generator(model).to(fabric.device)
    average.load_state_dict(generator.state_dict())
    optimizer = torch.optim.Adam(generator.parameters(), params.learning_rate, betas=(0.9, 0.99))
    fabric.setup(generator, optimizer)
    sections = {section.section: section.model_dump() for section in (model, params, loss)}
    key = run_key(sections, code_hash(__file__), [shards, discriminator_folder])
    checkpoint = Checkpoint(out, key, {"generator": generator, "average": average}, {"optimizer": optimizer})

    def step_once(step: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(params.seed + step)
        judged = losses.ramp(step, loss) > 0 and loss.lambda_s > 0  # only the discriminator looks at frames in a row
        batch = draw_batch(clips, step, params.seed, params.n_windows, model.n_frames, in_a_row=judged)
        inputs = make_inputs(to_device(jitter(batch, params.jitter_share, random), fabric.device), model)
        terms = judges.terms(draw_windows(generator, inputs), inputs, loss, step, params.seed)
        total = losses.total(terms, loss, step)
        check_finite(terms, step, batch.keys)
        optimizer.zero_grad()
        fabric.backward(total)
        fabric.clip_gradients(generator, optimizer, max_norm=params.max_grad_norm, error_if_nonfinite=False)
        set_learning_rate(optimizer, params.learning_rate, step, params.n_steps, params.decay_from)
        optimizer.step()
        _follow(average, generator, params.ema_decay, step)
        return {"total": total.detach(), **{name: term.detach() for name, term in terms.items()}}

    metrics = run_steps(
        "train_generator",
        step_once,
        params.n_steps,
        params.n_windows * model.n_frames,
        params.log_every_n_steps,
        checkpoint,
        live_folder,
    )
    card = {
        "talkedit": __version__,
        "person": person,
        "n_parameters": sum(parameter.numel() for parameter in average.parameters()),
        "params": sections,
        "preparation": read_preparation(shards),
        "ranges": control_ranges([clip.sample for clip in clips]),
        "data": {"n_clips": len(clips), "seconds": sum(clip.sample.n_frames for clip in clips) / 25},
        "run_key": key,
    }
    save_model(out, average, card)
    checkpoint.remove()
    return metrics


def draw_windows(generator: nn.Module, inputs: Inputs) -> Tensor:
    """(B, T, 3, px, px), what the generator draws for these inputs."""
    drawing = generator(inputs.source, inputs.masked, inputs.mel, inputs.codes)
    return drawing.image(inputs.source.flatten(0, 1)).unflatten(0, inputs.truth.shape[:2])


def _load_judges(folder: Path, model: ModelParams, loss: LossParams) -> Judges:
    discriminator, eyes = build_discriminator(model), build_eye_net(model)
    load_weights(discriminator, folder / DISCRIMINATOR_FILE)
    load_weights(eyes, folder / EYES_FILE)
    return Judges(discriminator, eyes, load_vgg(loss.perceptual_net))


def _some_frames(n_frames: int, share: float, step: int, seed: int) -> Tensor:
    """A random share of the frames, at least one, decided by seed and step."""
    random = torch.Generator().manual_seed(seed + step)
    return torch.randperm(n_frames, generator=random)[: max(round(n_frames * share), 1)]


@torch.no_grad()
def _follow(average: Generator, generator: nn.Module, decay: float, step: int) -> None:
    """The moving average of the weights; early on it forgets faster, so that it does not keep the start."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    current = generator.state_dict()
    for name, kept in average.state_dict().items():
        if kept.is_floating_point():  # parameters, and the batch norms' running statistics
            kept.lerp_(current[name], share)
