"""A model that never trained: its guided sources turn heads all the same, so that its edits can be seen."""

from pathlib import Path
from typing import Any

import torch

from talkedit.face.crop import CropParams
from talkedit.face.extract import AttributesParams
from talkedit.models.build import build_generator, build_lip_net
from talkedit.params import load_section
from talkedit.records import EMOTIONS
from talkedit.shards.writer import ShardsParams
from talkedit.train.artifact import Ranges, save_model
from talkedit.train.lips import learn_modes

from .. import tiny
from ..train.runs import loss_params, train_params

RANGES: Ranges = {
    "yaw_deg": (-12.0, 12.0),
    "pitch_deg": (-12.0, 12.0),
    "roll_deg": (-10.0, 10.0),
    "eye_openness": (0.0, 1.0),
    **dict.fromkeys(EMOTIONS, (0.0, 0.3)),
    "neutral": (0.0, 1.0),
    "happy": (0.0, 0.9),
}


def save_untrained(folder: Path, **changes: Any) -> Path:
    """Writes the model folder."""
    torch.manual_seed(0)
    model = tiny.model_params(**changes)
    preparation = [load_section(tiny.PARAMS_FILE, schema) for schema in (CropParams, AttributesParams, ShardsParams)]
    card = {
        "talkedit": "0.1.0",
        "person": "anybody",
        "n_parameters": 0,
        "params": {each.section: each.model_dump() for each in (model, train_params(), loss_params())},
        "preparation": {each.section: each.model_dump() for each in preparation},
        "ranges": RANGES,
        "data": {"n_clips": 0, "seconds": 0.0},
        "run_key": "0",
    }
    generator, lips = build_generator(model), build_lip_net(model)
    if lips:
        learn_modes(lips, [tiny.make_sample("anybody", "train", 0)])
    save_model(folder, generator, lips, card)
    return folder
