"""The folder of the train_discriminator stage: the networks that the generator needs, and what is known of them."""

import json
from pathlib import Path

import pydantic

from talkedit.errors import ModelError
from talkedit.manifest import write_atomically
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_lip_net
from talkedit.models.discriminator import Discriminator, Distance
from talkedit.models.landmarks import EyeNet
from talkedit.models.lip_net import LipNet
from talkedit.train.checkpoint import load_weights, save_weights

CARD_FILE = "discriminator.json"
DISCRIMINATOR_FILE = "discriminator.safetensors"
EYES_FILE, LIPS_FILE = "eyes.safetensors", "lips.safetensors"


class JudgesCard(pydantic.BaseModel):
    """What the weights do not say.

    Attributes:
        terms: What the discriminator judges; the generator's sync loss is the sum of these.
        distance: ``l2`` or ``cosine``.
        margin: Of the L2 distance.
        off: Terms that were asked for and are not there, each with the reason.
        model: The networks' sizes.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    terms: tuple[str, ...]
    distance: Distance
    margin: float
    off: dict[str, str]
    model: ModelParams


def save_judges(
    folder: Path, discriminator: Discriminator, eyes: EyeNet, lips: LipNet | None, card: JudgesCard
) -> None:
    """Writes the networks and their card."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(discriminator, folder / DISCRIMINATOR_FILE)
    save_weights(eyes, folder / EYES_FILE)
    if lips:
        save_weights(lips, folder / LIPS_FILE)
    write_atomically(folder / CARD_FILE, (card.model_dump_json(indent=1) + "\n").encode())


def read_card(folder: Path) -> JudgesCard:
    """What `save_judges` wrote.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        return JudgesCard.model_validate(json.loads((folder / CARD_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CARD_FILE}: cannot be read; run `dvc repro train_discriminator`") from error


def load_discriminator(folder: Path, model: ModelParams) -> Discriminator:
    """The trained discriminator, with the terms that it was trained with.

    Raises:
        ModelError: The folder is not whole, or is of another network.
    """
    card = read_card(folder)
    discriminator = build_discriminator(model, card.terms, card.distance, card.margin)
    load_weights(discriminator, folder / DISCRIMINATOR_FILE)
    return discriminator.eval()


def load_eye_net(folder: Path, model: ModelParams) -> EyeNet:
    """The trained eye landmark network.

    Raises:
        ModelError: As `load_discriminator`.
    """
    eyes = build_eye_net(model)
    load_weights(eyes, folder / EYES_FILE)
    return eyes.eval()


def load_lip_net(folder: Path, model: ModelParams) -> LipNet | None:
    """The trained network that hears lips, or None where sources are raw.

    Raises:
        ModelError: As `load_discriminator`.
    """
    lips = build_lip_net(model)
    if lips is None:
        return None
    load_weights(lips, folder / LIPS_FILE)
    return lips.eval()
