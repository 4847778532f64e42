"""The model folder: what is saved is what is loaded, and anything else is refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from talkedit.errors import ModelError
from talkedit.models.build import build_generator, build_lip_net
from talkedit.models.generator import Generator
from talkedit.records import Attributes
from talkedit.train.artifact import CARD_FILE, CONTROLS, WEIGHTS_FILE, control_ranges, load_model, save_model

from .. import tiny
from .runs import loss_params, train_params

MODEL = tiny.model_params(image_px=16, sources="raw", attention_px=[8])
RANGES = dict.fromkeys(CONTROLS, (0.0, 1.0)) | {"yaw_deg": (-15.0, 12.5), "eye_openness": (0.1, 0.9)}


def card() -> dict[str, Any]:
    sections = (MODEL, train_params(), loss_params())
    return {
        "talkedit": "0.1.0",
        "person": "ann",
        "n_parameters": 1000,
        "params": {section.section: section.model_dump() for section in sections},
        "preparation": {"crop": {"box_scale": 2.2}},
        "who": [0.5] * 128,
        "ranges": RANGES,
        "data": {"n_clips": 2, "seconds": 1.6},
        "run_key": "0",
    }


def fresh() -> Generator:
    torch.manual_seed(0)
    return build_generator(MODEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "generator", fresh(), build_lip_net(MODEL), card())
    return tmp_path / "generator"


def change_card(folder: Path, **changes: Any) -> None:
    path = folder / CARD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_saved_is_loaded(folder: Path) -> None:
    model = load_model(folder)
    torch.testing.assert_close(dict(model.generator.state_dict()), dict(fresh().state_dict()), atol=0, rtol=0)
    assert not model.generator.training
    assert model.params == MODEL
    assert model.ranges == RANGES
    assert model.preparation == {"crop": {"box_scale": 2.2}}
    assert model.who is not None
    assert model.who.tolist() == [0.5] * 128
    assert model.card["person"] == "ann"
    assert load_model(str(folder)).folder == folder


def test_what_a_model_draws_with_holds_no_numbers_next_to_zero(folder: Path) -> None:
    torch.set_flush_denormal(False)
    tiny_number = torch.full((1,), 1e-38)
    assert tiny_number * 0.1 > 0
    load_model(folder)
    assert tiny_number * 0.1 == 0


def test_a_model_that_does_not_say_whose_it_is_is_loaded(folder: Path) -> None:
    change_card(folder, who=None)
    assert load_model(folder).who is None


def test_a_person_can_read_what_the_model_knows(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "# Model of ann" in text
    assert "| yaw_deg | -15 | 12.5 |" in text
    assert "2 clips, 1.6 s" in text
    assert "consent" in text


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: is no model folder \(No such file.*`dvc repro`"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 6}', '{"format": 6, "params": 3}'])
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / CARD_FILE).write_text(text)
    with pytest.raises(ModelError, match=r"model\.json: is damaged .*train the model again"):
        load_model(folder)


def test_a_card_with_bytes_that_are_no_text_is_refused(folder: Path) -> None:
    (folder / CARD_FILE).write_bytes(b"\xff\xfe{")
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"ranges": {"yaw_deg": [1]}},
        {"ranges": 3},
        {"preparation": 3},
        {"params": {"model": {"image_px": 17}}},
        {"who": [0.5] * 127},
        {"who": "me"},
        {"who": [float("nan")] * 128},
    ],
)
def test_a_card_with_something_else_in_it_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    change_card(folder, **changes)
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


@pytest.mark.parametrize("control", ["yaw_deg", "eye_openness", "disgust"])
def test_a_card_without_the_range_of_a_control_is_refused(folder: Path, control: str) -> None:
    change_card(folder, ranges={name: span for name, span in RANGES.items() if name != control})
    with pytest.raises(ModelError, match=rf"is damaged \(no range of {control}\); train the model again"):
        load_model(folder)


def test_another_format_is_refused(folder: Path) -> None:
    change_card(folder, format=99)
    with pytest.raises(ModelError, match="is of format 99, this version reads 6; train again"):
        load_model(folder)


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    change_card(folder, params={"model": MODEL.model_dump() | {"embedding_dim": 16}})
    with pytest.raises(ModelError, match=rf"{WEIGHTS_FILE}: is of a network of another shape or version"):
        load_model(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    torch.save(fresh().state_dict(), folder / WEIGHTS_FILE)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_model(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_model(folder)


def test_ranges_span_all_clips() -> None:
    emotion = np.zeros((2, 7), np.float32)
    emotion[0, 3], emotion[1, 6] = 0.75, 1.0

    def clip(yaw_deg: list[float], openness: list[float]) -> Attributes:
        pose = np.array([[yaw, 2.0, -1.0] for yaw in yaw_deg], np.float32)
        return Attributes(pose, emotion, np.array(openness, np.float32))

    ranges = control_ranges([clip([-10.00049, 5], [0.2, 1.0]), clip([0, 12.5], [0.5, 0.0])])
    zero = dict.fromkeys(("angry", "disgust", "fear", "sad", "surprise"), (0.0, 0.0))
    assert ranges == {
        "yaw_deg": (-10.0, 12.5),
        "pitch_deg": (2.0, 2.0),
        "roll_deg": (-1.0, -1.0),
        "eye_openness": (0.0, 1.0),
        "happy": (0.0, 0.75),
        "neutral": (0.0, 1.0),
        **zero,
    }
