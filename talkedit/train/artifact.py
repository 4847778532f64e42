"""The model folder: everything that an editor needs, and where it came from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkedit.errors import ModelError, ParamsError
from talkedit.manifest import write_atomically
from talkedit.models.build import ModelParams, build_generator, build_lip_net
from talkedit.models.denormals import flush_denormals
from talkedit.models.generator import Generator
from talkedit.models.lip_net import LipNet
from talkedit.params import parse
from talkedit.records import EMOTIONS, POSE, Attributes, Doubles
from talkedit.train.checkpoint import load_weights, save_weights

FORMAT = 6
WEIGHTS_FILE, LIPS_FILE = "generator.safetensors", "lips.safetensors"
CARD_FILE = "model.json"
N_DESCRIPTOR = 128  # of dlib's, which training is done without

CONTROLS = (*(f"{angle}_deg" for angle in POSE), "eye_openness", *EMOTIONS)

Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class TrainedModel:
    """A person's model.

    Attributes:
        folder: Where it lies.
        generator: The network, in evaluation mode.
        lips: Hears the shape of the lips, likewise; None for raw sources, whose lips the generator alone draws.
        params: Its sizes.
        ranges: Lowest and highest value of each control in the training footage: ``yaw_deg``, ``pitch_deg``,
            ``roll_deg``, ``eye_openness`` and each emotion's probability.
        preparation: The params under which crops and attributes were made, by stage.
        who: (128,), the mean of dlib's descriptors of the face; None where the shards do not say.
        card: All of model.json.
    """

    folder: Path
    generator: Generator
    lips: LipNet | None
    params: ModelParams
    ranges: Ranges
    preparation: dict[str, Any]
    who: Doubles | None
    card: dict[str, Any]


def control_ranges(footage: list[Attributes]) -> Ranges:
    """The span of each control over the training clips."""
    pose = np.concatenate([attributes.pose_deg for attributes in footage])
    emotion = np.concatenate([attributes.emotion for attributes in footage])
    openness = np.concatenate([attributes.eye_openness for attributes in footage])
    columns = dict(zip(CONTROLS, [*pose.T, openness, *emotion.T], strict=True))
    return {name: (round(float(values.min()), 3), round(float(values.max()), 3)) for name, values in columns.items()}


def save_model(folder: Path, generator: Generator, lips: LipNet | None, card: dict[str, Any]) -> None:
    """Writes the model folder; model.json comes last, so that a folder with it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(generator, folder / WEIGHTS_FILE)
    if lips:
        save_weights(lips, folder / LIPS_FILE)
    write_atomically(folder / "README.md", _model_card(card).encode())
    content = json.dumps({"format": FORMAT, **card}, indent=1, sort_keys=True)
    write_atomically(folder / CARD_FILE, (content + "\n").encode())


def load_model(folder: str | Path) -> TrainedModel:
    """Loads a model folder; see also `flush_denormals`, which this calls.

    Raises:
        ModelError: It is no model folder, or one of another version.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        if card.get("format") != FORMAT:
            raise ModelError(f"{folder}: is of format {card.get('format')!r}, this version reads {FORMAT}; train again")
        params = parse(ModelParams, card["params"]["model"], where=str(folder / CARD_FILE))
        ranges = {name: (float(low), float(high)) for name, (low, high) in card["ranges"].items()}
        if missing := [name for name in CONTROLS if name not in ranges]:
            raise ValueError(f"no range of {', '.join(missing)}")
        preparation, who = dict(card["preparation"]), _who(card)
    except OSError as error:
        raise ModelError(f"{folder}: is no model folder ({error.strerror}); train one with `dvc repro`") from error
    except (ValueError, KeyError, TypeError, AttributeError, ParamsError) as error:
        raise ModelError(f"{folder / CARD_FILE}: is damaged ({error}); train the model again") from error
    flush_denormals()
    generator, lips = build_generator(params), build_lip_net(params)
    load_weights(generator, folder / WEIGHTS_FILE)
    if lips:
        load_weights(lips.eval(), folder / LIPS_FILE)
    return TrainedModel(folder, generator.eval(), lips, params, ranges, preparation, who, card)


def _who(card: dict[str, Any]) -> Doubles | None:
    who = card.get("who")
    if who is None:
        return None
    descriptor = np.array(who, np.float64)
    if descriptor.shape != (N_DESCRIPTOR,) or not np.isfinite(descriptor).all():
        raise ValueError(f"who is not {N_DESCRIPTOR} numbers")
    return descriptor


def _model_card(card: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {low:g} | {high:g} |" for name, (low, high) in card["ranges"].items())
    data = card["data"]
    return f"""# Model of {card["person"]}

Draws the head of one person, {card["person"]}, made by talkedit {card["talkedit"]}. Use it with that person's consent
only, and label what is made with it.

- Footage: {data["n_clips"]} clips, {data["seconds"]:.1f} s.
- Size: {card["params"]["model"]["image_px"]} px, {card["n_parameters"] / 1e6:.1f} M parameters, sources
  {card["params"]["model"]["sources"]}.
- Training: {card["params"]["train"]["n_steps"]} steps, perceptual features {card["params"]["loss"]["perceptual_net"]}.

What the footage showed of each control; what lies outside is refused unless forced.

| control | lowest | highest |
|---|---|---|
{rows}
"""
