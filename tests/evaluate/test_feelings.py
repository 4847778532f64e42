"""Emotions are asked for where the model can show them, and what came of it is counted by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from talkedit.evaluate.feelings import Feelings, ask_clip, ask_emotion, shown_emotions, wanted_of
from talkedit.evaluate.footage import Video
from talkedit.evaluate.tools import Held, Tools
from talkedit.face.emotion import XceptionEmotion
from talkedit.models.expressions import EMOTION_UNITS
from talkedit.records import EMOTIONS, Attributes, CropTrack, Floats
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel, load_model

RANGES = dict.fromkeys(EMOTIONS, (0.0, 0.1))
HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))


def test_one_expression_is_no_choice() -> None:
    assert shown_emotions(RANGES | {"neutral": (0.4, 0.9)}) == {}
    assert shown_emotions(RANGES | {"neutral": (0.4, 0.9), "sad": (0.0, 0.49)}) == {}
    assert shown_emotions(RANGES | {"neutral": (0.25, 0.64), "angry": (0.25, 0.6)}) == {}  # as the sample
    assert shown_emotions(RANGES | {"neutral": (0.0, 0.9), "happy": (0.0, 0.8)}) == {"happy": 0.8, "neutral": 0.9}


def test_the_others_keep_their_proportions() -> None:
    emotion = np.zeros((2, 7), np.float32)
    emotion[0, [SAD, NEUTRAL, HAPPY]] = (0.2, 0.6, 0.2)
    emotion[1, HAPPY] = 1
    measured = Attributes(np.zeros((2, 3), np.float32), emotion, np.ones(2, np.float32))
    asked = ask_emotion(measured, "happy", 0.6).emotion
    assert asked[0, [SAD, NEUTRAL, HAPPY]] == pytest.approx([0.1, 0.3, 0.6])
    assert asked[1, [NEUTRAL, HAPPY]] == pytest.approx([0.4, 0.6])  # there are no others: the rest is neutral
    assert asked.sum(axis=1) == pytest.approx([1, 1])


def of_sources(model: TrainedModel, sources: Literal["raw", "guided"]) -> TrainedModel:
    """The model, as if its sources were others."""
    ranges = RANGES | {"happy": (0.0, 0.8), "neutral": (0.0, 1.0)}
    return replace(model, params=model.params.model_copy(update={"sources": sources}), ranges=ranges)


class LooksHappyIfAsked:
    """Tools whose videos are as bright as the happiness that was asked for, an extractor that reads it again, and a
    witness in whose eyes nothing moves."""

    def __init__(self, tools: Tools, mesh: Floats) -> None:
        self.model = of_sources(tools.model, "raw")
        self.witness, self._mesh = self, mesh

    def look(self, video: Video, landmarks_px: Floats) -> Floats:
        return self._mesh[: len(video)]

    def edit(self, held: Held, asked: Attributes) -> Video:
        shape = (len(held.mel), 8, 8, 3)
        return (np.ones(shape) * 200 * asked.emotion[:, HAPPY, None, None, None]).astype(np.uint8)

    def measure(self, video: Video, track: CropTrack, fps: float) -> Floats:
        happy = video[:, 0, 0, 0] / np.float32(400)  # half of what was asked for
        emotion = np.zeros((len(video), 7), np.float32)
        emotion[:, HAPPY], emotion[:, NEUTRAL], emotion[:, SAD] = happy, 0.35, 0.65 - happy
        return emotion


@pytest.fixture(scope="module")
def held(tiny_model: Path, held_out: Sample) -> tuple[Tools, Held]:
    tools = Tools(load_model(tiny_model))
    return tools, tools.hold(held_out).take(np.arange(2))


def test_what_came_of_it_is_counted(held: tuple[Tools, Held]) -> None:
    fake = LooksHappyIfAsked(held[0], held[1].mesh)
    wanted = wanted_of(fake.model)
    felt, ends = ask_clip(fake, fake.measure, wanted, held[1])  # type: ignore[arg-type]
    assert list(ends) == ["happy", "neutral"]
    feelings = Feelings(wanted, [felt])
    scores = feelings.scores()
    # Happy at 0.8 is measured as 0.4 and beats 0.35 and 0.25; at neutral 1 there is 0.65 of sad.
    assert scores["emotion_share"] == 0.5
    assert scores["emotion_share_untouched"] == 0.5  # he is neutral
    was = held[1].footage.attributes.emotion.mean(axis=0)
    assert scores["emotion_happy_gain"] == pytest.approx(0.4 - was[HAPPY], abs=0.01)
    assert scores["emotion_neutral_gain"] == pytest.approx(0.35 - was[NEUTRAL], abs=0.01)
    assert scores["emotion_happy_moved"] == scores["emotion_moved"] == pytest.approx(0, abs=1e-6)
    assert feelings.matrix()["happy"] == dict.fromkeys(EMOTIONS, 0.0) | {"happy": 1.0}
    assert feelings.matrix()[""]["neutral"] == 1.0


def test_without_a_choice_nothing_is_asked(held: tuple[Tools, Held]) -> None:
    wanted = wanted_of(replace(of_sources(held[0].model, "raw"), ranges=RANGES))
    felt, ends = ask_clip(held[0], LooksHappyIfAsked(held[0], held[1].mesh).measure, wanted, held[1])  # type: ignore[arg-type]
    feelings = Feelings(wanted, [felt])
    assert (wanted, ends) == ({}, {})
    assert feelings.scores() == dict.fromkeys(("emotion_moved", "emotion_share", "emotion_share_untouched"))
    assert feelings.matrix() == {}


def test_a_model_without_emotion_is_asked_for_none(held: tuple[Tools, Held]) -> None:
    model = of_sources(held[0].model, "guided")
    assert wanted_of(replace(model, params=model.params.model_copy(update={"attributes": ["pose", "blink"]}))) == {}


def test_a_model_that_takes_no_emotion_shows_none(held: tuple[Tools, Held]) -> None:
    tools, clip = held
    params = tools.model.params.model_copy(update={"attributes": ["pose", "blink"]})
    felt, _ = ask_clip(Tools(replace(tools.model, params=params)), XceptionEmotion(0.1, 1), {"happy": 1.0}, clip)
    assert np.abs(felt.moved["happy"]).mean() < 0.1


def test_guided_sources_show_each_emotion_whatever_the_footage_held(held: tuple[Tools, Held]) -> None:
    """He is neutral all the time, and his model is hardly trained."""
    tools, clip = held
    wanted = wanted_of(tools.model)
    assert list(wanted) == list(EMOTION_UNITS)
    felt, _ = ask_clip(tools, XceptionEmotion(0.1, 1), wanted, clip)
    moved = [float(felt.moved[name].mean()) for name in wanted]
    assert min(moved) > 0.1, moved  # of disgust, most of which the witness does not see
    assert np.mean(moved) > 0.4, moved
