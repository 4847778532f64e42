"""The person's own expert, and that it can be another model's."""

from pathlib import Path
from typing import cast

import numpy as np
import torch

from talkedit.evaluate.experts import OwnExpert
from talkedit.evaluate.tools import Held
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_lip_net
from talkedit.train.judges import JudgesCard, save_judges

from .. import tiny


class Speech:
    """As much of a held-out clip as the expert hears."""

    mel = np.random.default_rng(0).normal(size=(12, 80, 16)).astype(np.float32)


def expert(folder: Path, sizes: ModelParams) -> OwnExpert:
    torch.manual_seed(0)
    card = JudgesCard(terms=("audio",), distance="l2", margin=1.0, off={}, model=sizes)
    save_judges(folder, build_discriminator(sizes, card.terms), build_eye_net(sizes), build_lip_net(sizes), card)
    return OwnExpert(folder)


def test_an_expert_has_the_sizes_that_it_was_trained_with(tmp_path: Path) -> None:
    video = np.random.default_rng(1).integers(0, 256, (12, 64, 64, 3), np.uint8)
    sizes = [tiny.model_params(), tiny.model_params(image_px=48, attention_px=[], n_frames=3)]
    scores = [
        expert(tmp_path / str(at), each).score(video, np.zeros((12, 68, 2), np.float32), cast(Held, Speech()))
        for at, each in enumerate(sizes)
    ]
    assert all(np.isfinite(score.confidence) for score in scores)
    assert scores[0].confidence != scores[1].confidence
