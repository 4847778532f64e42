"""The folder of the judges: what was saved is what is loaded."""

from pathlib import Path

import pytest
import torch

from talkedit.errors import ModelError
from talkedit.models.build import build_discriminator, build_eye_net, build_lip_net
from talkedit.models.discriminator import CosineDistance, L2Distance
from talkedit.train.judges import (
    CARD_FILE,
    JudgesCard,
    load_discriminator,
    load_eye_net,
    load_lip_net,
    read_card,
    save_judges,
)

from .. import tiny

MODEL = tiny.model_params()


def save(folder: Path, card: JudgesCard) -> None:
    discriminator = build_discriminator(MODEL, card.terms, card.distance, card.margin)
    save_judges(folder, discriminator, build_eye_net(MODEL), build_lip_net(MODEL), card)


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_the_terms_and_the_distance_come_back(tmp_path: Path, distance: str) -> None:
    card = JudgesCard(
        terms=("audio", "emotion"), distance=distance, margin=0.7, off={"pose": "he never turns"}, model=MODEL
    )  # type: ignore[arg-type]
    save(tmp_path / "judges", card)
    assert read_card(tmp_path / "judges") == card
    loaded = load_discriminator(tmp_path / "judges", MODEL)
    assert loaded.terms == ("audio", "emotion")
    measure = loaded.measures["audio"]
    assert isinstance(measure, L2Distance if distance == "l2" else CosineDistance)
    if isinstance(measure, L2Distance):
        assert measure.margin == 0.7
    assert not loaded.training
    assert not load_eye_net(tmp_path / "judges", MODEL).training


@torch.no_grad()
def test_the_weights_come_back(tmp_path: Path) -> None:
    card = JudgesCard(terms=("audio",), distance="l2", margin=1.0, off={}, model=MODEL)
    discriminator, eyes, lips = build_discriminator(MODEL, card.terms), build_eye_net(MODEL), build_lip_net(MODEL)
    save_judges(tmp_path, discriminator, eyes, lips, card)
    pairs = [(discriminator, load_discriminator(tmp_path, MODEL)), (eyes, load_eye_net(tmp_path, MODEL))]
    for saved, loaded in [*pairs, (lips, load_lip_net(tmp_path, MODEL))]:
        assert saved is not None
        assert loaded is not None
        for name, value in saved.state_dict().items():
            torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("content", [None, "{", '{"terms": ["audio"], "distance": "l3", "margin": 1, "off": {}}'])
def test_a_card_that_cannot_be_read_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / CARD_FILE).write_text(content)
    with pytest.raises(ModelError, match=r"discriminator\.json: cannot be read; run `dvc repro train_discriminator`"):
        load_discriminator(tmp_path, MODEL)


def test_weights_of_other_terms_are_refused(tmp_path: Path) -> None:
    save(tmp_path, JudgesCard(terms=("audio",), distance="l2", margin=1.0, off={}, model=MODEL))
    card = JudgesCard(terms=("audio", "pose"), distance="l2", margin=1.0, off={}, model=MODEL)
    (tmp_path / CARD_FILE).write_text(card.model_dump_json())
    with pytest.raises(ModelError, match="of a network of another shape or version"):
        load_discriminator(tmp_path, MODEL)


def test_raw_sources_have_no_lips_to_hear(tmp_path: Path) -> None:
    assert load_lip_net(tmp_path, tiny.model_params(sources="raw")) is None
