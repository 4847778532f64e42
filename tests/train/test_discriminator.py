"""The judges' training as a whole: what is learnt, what is refused, what is switched off, and resuming."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning_fabric.utilities.seed import max_seed_value
from pydantic import ValidationError

from talkedit.errors import TalkeditError
from talkedit.models.build import build_lip_net
from talkedit.shards.index import read_samples
from talkedit.shards.samples import Sample
from talkedit.train import discriminator, loop
from talkedit.train.ahead import Ahead
from talkedit.train.curves import NoCurves
from talkedit.train.discriminator import train_discriminator
from talkedit.train.judges import (
    DISCRIMINATOR_FILE,
    EYES_FILE,
    LIPS_FILE,
    load_discriminator,
    load_lip_net,
    read_card,
)
from talkedit.train.lips import learn_modes

from .. import tiny
from .runs import KeptCurves, discriminator_params
from .talkers import make_talker

LISTENER: dict[str, Any] = {"attributes": [], "sources": "raw", "embedding_dim": 16}

RUN: dict[str, Any] = {"n_steps": 120, "n_windows": 16, "learning_rate": 4e-3, "chance_after_share": 0.5}


def talkers(dubbed: bool) -> list[Sample]:
    """Clips of voices and mouths: six to train on and two that are held out."""
    splits = ["train"] * 6 + ["validation"] * 2
    return [make_talker(f"clip{seed}", split, seed, dubbed) for seed, split in enumerate(splits)]


@pytest.fixture(scope="module")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mouths that open with the voice."""
    return tiny.write_shards(tmp_path_factory.mktemp("speakers") / "shards", talkers(dubbed=False))


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mouths that have nothing to do with the voice."""
    return tiny.write_shards(tmp_path_factory.mktemp("dubbed") / "shards", talkers(dubbed=True))


@pytest.mark.parametrize(("kind", "distance"), [("talkedit", "l2"), ("wav2lip", "cosine")])
def test_audio_that_drives_the_mouth_is_learnt(speakers: Path, tmp_path: Path, kind: str, distance: str) -> None:
    params = discriminator_params(**RUN, distance=distance, gate_steps=30)
    curves, others = KeptCurves(), {"attention_px": []} if kind == "wav2lip" else {}
    model = tiny.model_params(kind=kind, **LISTENER, **others)
    metrics = train_discriminator(speakers, tmp_path / "judges", curves, model, params)
    assert metrics["audio_accuracy"] > 0.75  # of held-out clips
    assert metrics["train_audio_accuracy"] > 0.75
    first, last = (curves.of("audio_loss")[index][1] for index in (0, -1))
    assert last < 0.8 * first
    assert load_discriminator(tmp_path / "judges", model).terms == ("audio",)


def test_audio_that_has_nothing_to_do_with_the_mouth_ends_the_run(dubbed: Path, tmp_path: Path) -> None:
    params = discriminator_params(**RUN)
    with pytest.raises(TalkeditError, match=r"audio term tells \d+% .* after 60 steps, which is chance: .*out of sync"):
        train_discriminator(dubbed, tmp_path / "judges", NoCurves(), tiny.model_params(**LISTENER), params)
    assert not (tmp_path / "judges").exists()


def test_pictures_that_show_nothing_are_found_out_before_the_run(speakers: Path, tmp_path: Path) -> None:
    stills = [
        replace(sample, crops_mp4=tiny._video([np.full((40, 40, 3), 99, "u1")] * 80)) for sample in talkers(False)
    ]
    shards, curves = tiny.write_shards(tmp_path / "shards", stills), KeptCurves()
    params = discriminator_params(n_windows=8, gate_steps=30)
    with pytest.raises(TalkeditError, match=r"audio term told only .* on that batch alone"):
        train_discriminator(shards, tmp_path / "judges", curves, tiny.model_params(**LISTENER), params)
    assert curves.calls == []


def test_each_term_has_its_own_curves_and_metrics(tiny_shards: Path, tmp_path: Path) -> None:
    curves = KeptCurves()
    metrics = train_discriminator(tiny_shards, tmp_path / "judges", curves, tiny.model_params(), discriminator_params())
    for term in ("audio", "pose", "emotion"):
        for name in (f"{term}_loss", f"{term}_accuracy"):
            assert [step for step, _ in curves.of(name)] == [2, 4, 6]
            assert metrics[f"train_{name}"] == curves.of(name)[-1][1]
        assert metrics[f"{term}_active"] == 1
        assert 0 <= metrics[f"{term}_accuracy"] <= 1
    assert metrics["openness_error"] > 0
    assert all(isinstance(value, int | float) for value in metrics.values())


def test_what_is_heard_is_as_lively_as_the_lips_once_trained(tiny_shards: Path, tmp_path: Path) -> None:
    model = tiny.model_params()
    train_discriminator(tiny_shards, tmp_path / "judges", KeptCurves(), model, discriminator_params())
    trained, modes_alone = load_lip_net(tmp_path / "judges", model), build_lip_net(model)
    assert trained
    assert modes_alone
    learn_modes(modes_alone, read_samples(tiny_shards, "train"))
    assert (trained.deviations >= modes_alone.deviations).all()
    assert (trained.deviations > 1.01 * modes_alone.deviations).any()


def test_an_attribute_that_hardly_varies_is_switched_off_with_a_reason(
    tiny_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, params = tiny.model_params(), discriminator_params(min_pose_gap_deg=60.0)
    metrics = train_discriminator(tiny_shards, tmp_path / "judges", NoCurves(), model, params)
    reason = "only 0.0% of the training windows have another pose in their own clip that is 60 or more away"
    assert f"the pose term is switched off: {reason} (discriminator.min_pose_gap_deg)" in capsys.readouterr().err
    card = read_card(tmp_path / "judges")
    assert card.terms == ("audio", "emotion")
    assert reason in card.off["pose"]
    assert set(card.off) == {"pose"}
    assert (metrics["audio_active"], metrics["pose_active"], metrics["emotion_active"]) == (1, 0, 1)
    assert metrics["pose_windows_with_negative"] == 0
    assert "pose_accuracy" not in metrics
    assert load_discriminator(tmp_path / "judges", model).terms == ("audio", "emotion")


def test_an_attribute_that_the_generator_is_not_told_is_no_term(tiny_shards: Path, tmp_path: Path) -> None:
    model = tiny.model_params(attributes=["pose"], sources="raw")
    metrics = train_discriminator(tiny_shards, tmp_path / "judges", NoCurves(), model, discriminator_params())
    assert read_card(tmp_path / "judges").terms == ("audio", "pose")
    assert read_card(tmp_path / "judges").off == {}
    assert metrics["emotion_active"] == 0


def test_a_stopped_training_ends_with_the_weights_of_one_that_was_not(
    tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(name: str) -> bytes:
        params = discriminator_params(gate_steps=2)
        monkeypatch.setattr("talkedit.train.gate.GATE_ACCURACY", 0.0)
        train_discriminator(tiny_shards, tmp_path / name, NoCurves(), tiny.model_params(), params)
        return b"".join((tmp_path / name / file).read_bytes() for file in (DISCRIMINATOR_FILE, EYES_FILE, LIPS_FILE))

    whole = train("whole")
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    steps: list[int] = []
    take = Ahead.take

    def take_until_stopped(ahead: Ahead[Any], step: int) -> Any:
        steps.append(step)
        if step == 3 and len(steps) == 4:
            raise KeyboardInterrupt
        return take(ahead, step)

    monkeypatch.setattr(Ahead, "take", take_until_stopped)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    assert not (tmp_path / "stopped").exists()
    assert train("stopped") == whole
    assert steps == [0, 1, 2, 3, 3, 4, 5]  # it went on where it had stopped
    assert os.listdir(tmp_path / ".state") == []


def test_a_training_stopped_while_it_is_measured_is_not_trained_again(
    tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(name: str, curves: KeptCurves) -> dict[str, Any]:
        return train_discriminator(tiny_shards, tmp_path / name, curves, tiny.model_params(), discriminator_params())

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    resumed = KeptCurves()
    whole = train("whole", KeptCurves())
    with monkeypatch.context() as context:
        context.setattr(discriminator, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            train("stopped", KeptCurves())
    shutil.rmtree(tmp_path / "stopped")  # DVC removes a stage's output before it runs it again
    metrics = train("stopped", resumed)
    assert resumed.calls == ["begin 6", "end"]
    assert resumed.points == []
    assert metrics["images_per_s"] > 0  # of the training that was stopped
    pace = {"images_per_s", "data_wait_share"}
    assert {name: metrics[name] for name in metrics.keys() - pace} == {
        name: whole[name] for name in whole.keys() - pace
    }
    for file in (DISCRIMINATOR_FILE, EYES_FILE, LIPS_FILE):
        assert (tmp_path / "stopped" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert os.listdir(tmp_path / ".state") == []


def test_held_out_clips_that_are_too_short_are_found_out_before_the_run(tmp_path: Path) -> None:
    samples = [tiny.make_sample("one", "train", 1), tiny.make_sample("two", "validation", 2, n_frames=9)]
    shards, curves = tiny.write_shards(tmp_path / "shards", samples), KeptCurves()
    with pytest.raises(TalkeditError, match="no validation clip has 10 frames"):
        train_discriminator(shards, tmp_path / "judges", curves, tiny.model_params(), discriminator_params())
    assert curves.calls == []


def test_a_seed_is_one_that_lightning_takes() -> None:
    assert discriminator_params(seed=max_seed_value).seed == max_seed_value
    with pytest.raises(ValidationError, match="less than or equal to 4294967295"):
        discriminator_params(seed=max_seed_value + 1)
