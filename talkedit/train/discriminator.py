"""Trains what the generator is later judged by: the multi-attribute discriminator, and the eye landmark network."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from talkedit.closure import code_hash
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net
from talkedit.models.codes import make_codes
from talkedit.models.discriminator import TERMS, Discriminator, squared_distance
from talkedit.models.landmarks import EyeNet, eye_aspect_ratio, eye_places, eye_points
from talkedit.models.losses import blink
from talkedit.params import Section
from talkedit.shards.loader import Batch, LoadedClip, draw_batch, load_split
from talkedit.train.checkpoint import Checkpoint, run_key, save_weights
from talkedit.train.inputs import jitter, to_device
from talkedit.train.loop import check_finite, run_steps, set_learning_rate

DISCRIMINATOR_FILE = "discriminator.safetensors"
EYES_FILE = "eyes.safetensors"
N_VALIDATION_BATCHES = 8
DECAY_FROM = 0.5  # share of the steps after which the learning rate falls to 0
PLACE_NOISE = 0.06  # of the patch's side


class DiscriminatorParams(Section):
    """How the discriminator and the eye landmark network are trained."""

    section: ClassVar[str] = "discriminator"
    seed: int = Field(ge=0, description="seed of weights and windows")
    n_steps: int = Field(gt=0, description="training steps")
    n_windows: int = Field(gt=1, description="windows in a step")
    learning_rate: float = Field(gt=0, description="Adam's")
    margin: float = Field(gt=0, le=2, description="least L2 distance wanted between what does not belong together")
    min_pose_gap_deg: float = Field(
        ge=0, description="poses nearer than this are no negative pair, mean over the window"
    )
    min_emotion_gap: float = Field(ge=0, le=1, description="likewise for emotions, total variation distance")
    jitter_share: float = Field(ge=0, lt=0.5, description="random shift and scale of the crops, share of the side")
    log_every_n_steps: int = Field(gt=0, description="steps between points of the curves")


def train_discriminator(
    shards: Path, out: Path, live_folder: Path, model: ModelParams, params: DiscriminatorParams
) -> dict[str, Any]:
    """Trains both networks side by side and writes their weights to `out`.

    Args:
        shards: Folder of the shards stage.
        out: Output folder.
        live_folder: Where the live curves go.
        model: Sizes.
        params: How to train.

    Returns:
        Metrics on the validation split: accuracy a term, error of the eyes' points and of the eye aspect ratio.
    """
    fabric = Fabric(accelerator="auto", devices=1)
    fabric.seed_everything(params.seed, verbose=False)
    clips = load_split(shards, "train", model.image_px)
    discriminator, eye_net = build_discriminator(model), build_eye_net(model)
    networks = torch.nn.ModuleDict({"discriminator": discriminator, "eyes": eye_net})
    optimizer = torch.optim.Adam(networks.parameters(), params.learning_rate, betas=(0.5, 0.999))
    fabric.setup(networks, optimizer)
    sections = {section.section: section.model_dump() for section in (model, params)}
    key = run_key(sections, code_hash(__file__), [shards])
    checkpoint = Checkpoint(out, key, {"networks": networks}, {"optimizer": optimizer})

    def step_once(step: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(params.seed + step)
        batch = draw_batch(clips, step, params.seed, params.n_windows, model.n_frames)
        batch = to_device(jitter(batch, params.jitter_share, generator), fabric.device)
        losses = discriminator_losses(discriminator, batch, params)
        losses["eyes"] = eye_loss(eye_net, batch, generator)
        check_finite(losses, step, batch.keys)
        optimizer.zero_grad()
        fabric.backward(torch.stack(list(losses.values())).sum())
        set_learning_rate(optimizer, params.learning_rate, step, params.n_steps, DECAY_FROM)
        optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}

    n_images = params.n_windows * model.n_frames
    run_steps(
        "train_discriminator",
        step_once,
        params.n_steps,
        n_images,
        params.log_every_n_steps,
        checkpoint,
        live_folder,
    )
    out.mkdir(parents=True, exist_ok=True)
    save_weights(discriminator, out / DISCRIMINATOR_FILE)
    save_weights(eye_net, out / EYES_FILE)
    checkpoint.remove()
    held_out = load_split(shards, "validation", model.image_px)
    return validate(discriminator, eye_net, held_out, model, params, fabric.device)


def discriminator_losses(discriminator: Discriminator, batch: Batch, params: DiscriminatorParams) -> dict[str, Tensor]:
    """A contrastive loss a term: belonging pairs together, others at least `margin` apart.

    Each window is held against the next window's speech and codes as its negative, where the two differ enough.
    """
    matches, others, differ = _pairs(discriminator, batch, params)
    losses = {}
    for term in TERMS:
        apart = F.relu(params.margin - others[term].clamp_min(1e-8).sqrt()).square()
        weight = differ[term].float()
        # A term with no negative pair learns nothing: pulling alone would collapse it.
        share = weight.mean()
        losses[term] = matches[term].mean() * share + (apart * weight).mean()
    return losses


def eye_loss(network: EyeNet, batch: Batch, generator: torch.Generator) -> Tensor:
    """Mean distance to dlib's points of the eyes, in units of the distance between the outer corners.

    The patches are placed a little wrong at random, so that the points are found where the eye is, not where the
    patch is.
    """
    truth = eye_points(batch.landmarks.flatten(0, 1))
    places = eye_places(truth)
    noise = torch.randn(places.shape, generator=generator).to(places.device) * PLACE_NOISE
    found = network(batch.target.flatten(0, 1).float() / 255, places + places[..., 2:] * noise)
    return blink(found, truth)


@torch.no_grad()
def validate(
    discriminator: Discriminator,
    eye_net: EyeNet,
    clips: list[LoadedClip],
    model: ModelParams,
    params: DiscriminatorParams,
    device: torch.device,
) -> dict[str, Any]:
    """What both networks are worth on clips that they did not see.

    Returns:
        ``<term>_accuracy``: share of pairs in which the belonging one is nearer (0.5 is chance), None where the split
        has no pair that differs; ``eye_error_px256`` and ``ear_error``, mean absolute.
    """
    nearer: dict[str, list[Tensor]] = {term: [] for term in TERMS}
    errors, ear_errors = [], []
    for step in range(N_VALIDATION_BATCHES):
        batch = to_device(draw_batch(clips, step, params.seed, params.n_windows, model.n_frames), device)
        matches, others, differ = _pairs(discriminator, batch, params)
        for term in TERMS:
            nearer[term].append((matches[term] < others[term])[differ[term]].float())
        truth = eye_points(batch.landmarks.flatten(0, 1))
        found = eye_net(batch.target.flatten(0, 1).float() / 255, eye_places(truth))
        errors.append(torch.linalg.vector_norm(found - truth, dim=-1).mean())
        ear_errors.append((eye_aspect_ratio(found) - eye_aspect_ratio(truth)).abs().mean())
    metrics: dict[str, Any] = {}
    for term in TERMS:
        pairs = torch.cat(nearer[term])
        metrics[f"{term}_accuracy"] = float(pairs.mean()) if len(pairs) else None
    metrics["eye_error_px256"] = 256 * float(torch.stack(errors).mean())
    metrics["ear_error"] = float(torch.stack(ear_errors).mean())
    return metrics


def _pairs(
    discriminator: Discriminator, batch: Batch, params: DiscriminatorParams
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Squared distances (B,) of belonging pairs, of pairs with the next window, and which of the latter differ."""
    codes = make_codes(batch.pose_deg, batch.emotion, batch.eye_openness)
    faces = discriminator.embed_faces(batch.target.float() / 255)
    attributes = discriminator.embed_attributes(batch.mel, codes)
    matches = {term: squared_distance(faces[term], attributes[term]) for term in TERMS}
    others = {term: squared_distance(faces[term], attributes[term].roll(1, 0)) for term in TERMS}
    pose_gap = (batch.pose_deg - batch.pose_deg.roll(1, 0)).abs().amax(2).mean(1)
    emotion_gap = (batch.emotion - batch.emotion.roll(1, 0)).abs().sum(2).mean(1) / 2
    differ = {
        "audio": _starts_differ(batch.keys, batch.target.shape[1]).to(pose_gap.device),
        "pose": pose_gap >= params.min_pose_gap_deg,
        "emotion": emotion_gap >= params.min_emotion_gap,
    }
    return matches, others, differ


def _starts_differ(keys: list[str], n_frames: int) -> Tensor:
    """Whether each window's speech is another than the next one's: another clip, or no overlap in time."""
    places = [key.rsplit(":", 1) for key in keys]
    previous = places[-1:] + places[:-1]
    return torch.tensor(
        [a[0] != b[0] or abs(int(a[1]) - int(b[1])) >= n_frames for a, b in zip(places, previous, strict=True)]
    )
