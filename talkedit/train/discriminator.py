"""Trains what the generator needs: the multi-attribute discriminator and the eye landmark network, which judge it, and
what hears the shape of the lips."""

import sys
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn

from talkedit.closure import code_hash
from talkedit.models.build import (
    ModelParams,
    build_discriminator,
    build_eye_net,
    build_lip_net,
    discriminator_terms,
)
from talkedit.models.discriminator import TERMS, Discriminator, Distance
from talkedit.models.landmarks import EyeNet
from talkedit.models.lip_net import LipNet
from talkedit.params import Section
from talkedit.shards.index import read_preparation, read_samples
from talkedit.shards.loader import Loader, Rare
from talkedit.shards.windows import Batch, Window, to_batch
from talkedit.train.ahead import Ahead
from talkedit.train.checkpoint import Checkpoint, run_key
from talkedit.train.curves import Curves
from talkedit.train.eyes import eye_errors, eye_loss
from talkedit.train.gate import N_GATE_WINDOWS, ChanceStop, check_it_can_learn
from talkedit.train.inputs import jitter, to_device
from talkedit.train.judges import JudgesCard, save_judges
from talkedit.train.lips import (
    Spoken,
    draw_spoken,
    learn_modes,
    lip_loss,
    lip_scores,
    match_amplitude,
    openings_and_widths,
)
from talkedit.train.loop import check_finite, clip_gradient, run_steps, set_learning_rate, step_random
from talkedit.train.machine import make_adam, make_fabric, place
from talkedit.train.negatives import Drawn, Negatives, draw_in_clips, help_out, share_with_negative
from talkedit.train.processes import ALONE, Processes
from talkedit.train.verdict import Pairs, Verdict, judge

N_VALIDATION_WINDOWS = 256
# Eyes are looked at in the sources. Targets are any windows, as negatives are: of what came more often than as a
# negative it could be told without a look at the pictures that it belongs.
RARE: Rare = "sources"
DECAY_FROM = 0.5  # share of the steps after which the learning rate falls to 0


class DiscriminatorParams(Section):
    """How the discriminator and the eye landmark network are trained."""

    section: ClassVar[str] = "discriminator"
    seed: int = Field(ge=0, le=2**32 - 1, description="seed of weights, windows and negatives")
    n_steps: int = Field(gt=0, description="training steps")
    n_windows: int = Field(gt=1, description="windows in a step, each with a negative a term")
    learning_rate: float = Field(gt=0, description="Adam's")
    distance: Distance = Field(
        description="between embeddings; l2: squared L2 with a margin (the paper's), cosine: cosine similarity and "
        "binary cross-entropy (Wav2Lip's)"
    )
    margin: float = Field(gt=0, le=2, description="l2: least L2 distance wanted between what does not belong together")
    min_mel_gap: float = Field(
        ge=0, le=8, description="speech nearer than this is no negative; mean difference of the mel, which is -4..4"
    )
    min_pose_gap_deg: float = Field(ge=0, description="likewise for poses; the angle that differs most")
    min_emotion_gap: float = Field(ge=0, le=1, description="likewise for emotions; total variation distance")
    min_negative_share: float = Field(
        ge=0, le=1, description="pose and emotion are no terms where fewer windows have a negative in their own clip"
    )
    gate_steps: int = Field(
        ge=0, description="most steps on one batch that must overfit before the run; 0: no such test"
    )
    chance_after_share: float = Field(
        gt=0, le=1, description="share of the steps after which audio must be better than chance on training windows"
    )
    jitter_share: float = Field(ge=0, lt=0.5, description="random shift and scale of the crops, share of the side")
    log_every_n_steps: int = Field(gt=0, description="steps between points of the curves")

    def min_gaps(self, terms: tuple[str, ...]) -> dict[str, float]:
        """How far a negative must be, a term."""
        gaps = {"audio": self.min_mel_gap, "pose": self.min_pose_gap_deg, "emotion": self.min_emotion_gap}
        return {term: gaps[term] for term in terms}


class Networks(nn.Module):
    """All networks as one module, so that several processes train them together; `lips` for guided sources only."""

    def __init__(
        self, discriminator: Discriminator, eyes: EyeNet, lips: LipNet | None, processes: Processes = ALONE
    ) -> None:
        super().__init__()
        self.discriminator, self.eyes, self.lips = discriminator, eyes, lips
        self._processes = processes

    def forward(
        self, batch: Batch, negatives: Negatives, spoken: Spoken, generator: torch.Generator
    ) -> tuple[Verdict, dict[str, Tensor]]:
        """What the discriminator makes of the batch, and the losses of the others by name."""
        losses = {"eyes": eye_loss(self.eyes, batch, generator, self._processes)}
        if self.lips:
            losses["lips"] = lip_loss(self.lips, spoken, self._processes)
        return judge(self.discriminator, batch, negatives, self._processes), losses


def train_discriminator(
    shards: Path, out: Path, curves: Curves, model: ModelParams, params: DiscriminatorParams
) -> dict[str, Any]:
    """Trains the networks side by side and writes them to `out`.

    Args:
        shards: Folder of the shards stage.
        out: Output folder.
        curves: Where the live curves go: ``<term>_loss``, ``<term>_accuracy`` on training windows, ``eyes``,
            ``lips``.
        model: Sizes, and what the generator is told.
        params: How to train.

    Returns:
        Metrics, see `measure` and `_report`. Empty in all processes but the first.

    Raises:
        TalkeditError: A split has no clip that is long enough, a term cannot learn one batch by heart, audio stays at
            chance, or a loss is not finite.
    """
    fabric = make_fabric()
    fabric.seed_everything(params.seed, verbose=False)
    shares = share_with_negative(read_samples(shards, "train"), model.n_frames, params.min_gaps(TERMS))
    card = _choose_terms(shares, model, params)
    discriminator = build_discriminator(model, card.terms, params.distance, params.margin)
    processes = Processes.of(fabric)
    lips = build_lip_net(model)
    if lips:
        learn_modes(lips, read_samples(shards, "train"))
    networks = place(Networks(discriminator, build_eye_net(model), lips, processes), fabric)
    shape = model.image_px, model.n_frames, params.n_windows
    data = Loader(shards, "train", *shape, params.seed, rank=processes.rank, n_ranks=processes.n, rare=RARE)
    attributes = read_preparation(shards)["attributes"]
    # Opened by all processes and before the training: clips that are too short end it here, not when it is done.
    with Loader(shards, "validation", *shape, params.seed, rare=RARE) as held_out:
        if params.gate_steps:
            _gate(discriminator, shards, model, params, fabric)
        with data:
            trained, checkpoint = _train(networks, data, shards, out, curves, model, params, fabric)
        if not fabric.is_global_zero:
            return {}
        networks.eval()
        if networks.lips:
            match_amplitude(networks.lips, read_samples(shards, "train"))
        save_judges(out, discriminator, networks.eyes, networks.lips, card)
        measured = measure(networks, held_out, params, attributes, fabric.device)
    checkpoint.remove()
    return _report(card, shares, measured, trained)


def _gate(
    discriminator: Discriminator, shards: Path, model: ModelParams, params: DiscriminatorParams, fabric: Fabric
) -> None:
    """On the same windows in all processes, however many share a step."""
    shape = model.image_px, model.n_frames, N_GATE_WINDOWS
    with Loader(shards, "train", *shape, params.seed, rare=RARE, windows_ahead=0) as data:
        gaps = params.min_gaps(discriminator.terms)
        device, processes = fabric.device, Processes.of(fabric)
        check_it_can_learn(discriminator, data.windows(0), gaps, params.gate_steps, device, processes)


def measure(
    networks: Networks, held_out: Loader, params: DiscriminatorParams, attributes: dict[str, Any], device: torch.device
) -> dict[str, float]:
    """What the networks are worth on clips that they did not see.

    Args:
        networks: In evaluation mode.
        held_out: The validation split.
        params: How negatives are drawn.
        attributes: The params of the attributes stage.
        device: Where the networks are.

    Returns:
        ``<term>_accuracy``: share of pairs in which the one that belongs is nearer, 0..1, 0.5 is chance; left out
        where no held-out window has a negative. The eyes', see `eye_errors`. ``lip_opening_r``, ``lip_width_r``:
        correlation of the lips' opening and width that are heard with those that are seen, frame by frame.
    """
    min_gaps = params.min_gaps(networks.discriminator.terms)
    parts: dict[str, list[Pairs]] = {term: [] for term in min_gaps}
    errors: list[dict[str, float]] = []
    shapes: list[Tensor] = []
    for step in range(-(-N_VALIDATION_WINDOWS // params.n_windows)):
        batch, drawn, spoken = _prepare(held_out.windows(step), min_gaps, params.seed, step, device)
        negatives = help_out(drawn, min_gaps, params.seed, step).to(device)
        with torch.no_grad():
            for term, pairs in judge(networks.discriminator, batch, negatives).pairs.items():
                parts[term].append(pairs)
        errors.append(eye_errors(networks.eyes, batch, attributes["ear_closed"], attributes["ear_open"]))
        if networks.lips:
            shapes.append(openings_and_widths(networks.lips, spoken))
    joined = {term: Pairs.joined(each) for term, each in parts.items()}
    accuracies = {f"{term}_accuracy": float(pairs.accuracy()) for term, pairs in joined.items() if pairs.weights.any()}
    means = {name: sum(error[name] for error in errors) / len(errors) for name in errors[0]}
    return accuracies | means | (lip_scores(torch.cat(shapes, dim=1)) if shapes else {})


def _choose_terms(shares: dict[str, float], model: ModelParams, params: DiscriminatorParams) -> JudgesCard:
    """The terms that the footage has enough variety for, and why not the others; these reasons are also printed."""
    asked = discriminator_terms(model)
    off = {
        term: f"only {shares[term]:.1%} of the training windows have another {term} in their own clip that is "
        f"{params.min_gaps((term,))[term]:g} or more away (discriminator.min_{term}_gap{'_deg' * (term == 'pose')}); "
        f"{params.min_negative_share:.1%} is asked for (discriminator.min_negative_share)"
        for term in asked
        if term != "audio" and shares[term] < params.min_negative_share
    }
    for term, reason in off.items():
        sys.stderr.write(f"the {term} term is switched off: {reason}\n")
    terms = tuple(term for term in asked if term not in off)
    return JudgesCard(terms=terms, distance=params.distance, margin=params.margin, off=off, model=model)


def _train(
    networks: Networks,
    data: Loader,
    shards: Path,
    out: Path,
    curves: Curves,
    model: ModelParams,
    params: DiscriminatorParams,
    fabric: Fabric,
) -> tuple[dict[str, float], Checkpoint]:
    """Runs the steps; returns the means of the last stretch and the pace, and the state, which is still there."""
    processes = Processes.of(fabric)
    network, optimizer = fabric.setup(networks, make_adam(networks, params.learning_rate, (0.5, 0.999), fabric))
    sections = {section.section: section.model_dump() for section in (model, params)}
    key = run_key(sections, code_hash(__file__), [shards])
    checkpoint = Checkpoint(out, key, {"networks": networks}, {"optimizer": optimizer.optimizer})
    min_gaps = params.min_gaps(networks.discriminator.terms)
    chance_stop = ChanceStop(round(params.chance_after_share * params.n_steps), params.n_steps, fabric)

    def prepare(step: int) -> tuple[Batch, Drawn, Spoken]:
        return _prepare(data.windows(step), min_gaps, params.seed, step, fabric.device, processes.rank)

    def step_once(step: int) -> dict[str, Tensor]:
        random = step_random(params.seed, step)
        batch, drawn, spoken = ahead.take(step)
        negatives = help_out(drawn, min_gaps, params.seed, step, processes).to(fabric.device)
        batch = jitter(batch, params.jitter_share, random, processes)
        verdict, others = network(batch, negatives, spoken, random)
        losses = {f"{term}_loss": loss for term, loss in verdict.losses.items()} | others
        check_finite(losses, step, batch.keys, fabric)
        optimizer.zero_grad()
        fabric.backward(torch.stack(list(losses.values())).sum())
        clip_gradient(network, optimizer, float("inf"), step, batch.keys, fabric)
        set_learning_rate(optimizer, params.learning_rate, step, params.n_steps, DECAY_FROM)
        optimizer.step()
        chance_stop.see(verdict.pairs["audio"], step)
        accuracies = {f"{term}_accuracy": pairs.accuracy(processes) for term, pairs in verdict.pairs.items()}
        return {name: value.detach() for name, value in (losses | accuracies).items()}

    n_images, every = params.n_windows * model.n_frames, params.log_every_n_steps
    with Ahead(prepare, params.n_steps) as ahead:
        trained = run_steps(
            "train_discriminator", step_once, params.n_steps, n_images, every, checkpoint, curves, ahead, fabric
        )
    return trained, checkpoint


def _prepare(
    windows: list[Window], min_gaps: dict[str, float], seed: int, step: int, device: torch.device, rank: int = 0
) -> tuple[Batch, Drawn, Spoken]:
    """The windows as a batch, what does not belong to them, and what else is said in their clips."""
    drawn = draw_in_clips(windows, min_gaps, seed, step, rank)
    spoken = draw_spoken(windows, seed, step, rank)
    return to_device(to_batch(windows), device), drawn, spoken.to(device)


def _report(
    card: JudgesCard, shares: dict[str, float], measured: dict[str, float], trained: dict[str, float]
) -> dict[str, Any]:
    """The metrics: held-out ones under their plain names, those of the last training stretch with ``train_`` before."""
    active = {f"{term}_active": int(term in card.terms) for term in TERMS}
    variety = {f"{term}_windows_with_negative": share for term, share in shares.items()}
    last = {name if name in {"images_per_s", "data_wait_share"} else f"train_{name}": trained[name] for name in trained}
    return active | variety | measured | last
