"""Whose voice: the network's file and arithmetic, what it hears of a clip, and real voices."""

from collections import OrderedDict
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.asset_list import ASSETS
from talkedit.curate import voices
from talkedit.curate.rules import CurateParams, count_speakers
from talkedit.curate.voices import HOP_STEPS, load_voice_encoder, mel_power, spoken_steps, voice_merges, voice_windows
from talkedit.media.audio import read_sound
from talkedit.params import load_section
from talkedit.records import SAMPLE_RATE_HZ, Floats

from ..checkpoints import State, save_as_then
from ..tiny import PARAMS_FILE

PARAMS = load_section(PARAMS_FILE, CurateParams)
HALF_S = 2 * SAMPLE_RATE_HZ
SAME_ARITHMETIC = 1e-5


def encoder_state() -> State:
    """Every parameter of the published file, by its name and shape, with made-up numbers."""
    rng = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {"similarity_weight": (1,), "similarity_bias": (1,)}
    for layer, n_in in enumerate((40, 256, 256)):
        shapes |= {f"lstm.weight_ih_l{layer}": (1024, n_in), f"lstm.weight_hh_l{layer}": (1024, 256)}
        shapes |= {f"lstm.bias_ih_l{layer}": (1024,), f"lstm.bias_hh_l{layer}": (1024,)}
    shapes |= {"linear.weight": (256, 256), "linear.bias": (256,)}
    return OrderedDict((name, 0.1 * torch.randn(shape, generator=rng)) for name, shape in shapes.items())


def plain_embedding(state: State, mel: Tensor) -> Tensor:
    """(N, T, 40) to (N, 256), gate by gate: input, forget, cell, output."""
    x = mel
    for layer in range(3):
        w_ih, w_hh, b_ih, b_hh = (
            state[f"lstm.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden, cell, heard = torch.zeros(len(x), 256), torch.zeros(len(x), 256), []
        for step in x.unbind(1):
            i, f, g, o = (step @ w_ih.T + b_ih + hidden @ w_hh.T + b_hh).chunk(4, dim=1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
            heard.append(hidden)
        x = torch.stack(heard, dim=1)
    embedding = (x[:, -1] @ state["linear.weight"].T + state["linear.bias"]).clamp(min=0)
    return embedding / embedding.norm(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like pretrained.pt, without the state of its training."""
    path = tmp_path_factory.mktemp("voices") / "pretrained.pt"
    save_as_then({"step": 1, "model_state": encoder_state(), "optimizer_state": {}}, path, python=3)
    return path


def test_the_real_format_is_read_key_for_key(checkpoint: Path) -> None:
    network = load_voice_encoder(checkpoint)
    assert not network.training
    assert network.state_dict().keys() == encoder_state().keys()
    for key, value in encoder_state().items():
        torch.testing.assert_close(network.state_dict()[key], value, rtol=0, atol=0)


@torch.inference_mode()
def test_its_arithmetic_is_that_of_the_formulas(checkpoint: Path) -> None:
    mel = torch.rand(3, 20, 40, generator=torch.Generator().manual_seed(1))
    found = load_voice_encoder(checkpoint)(mel)
    torch.testing.assert_close(found, plain_embedding(encoder_state(), mel), rtol=0, atol=SAME_ARITHMETIC)


def test_mel_is_power_and_no_logarithm() -> None:
    """Twice as loud is four times as much; a tone is in its own band, and nearly in no other."""
    tone = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ)).astype(np.float32)
    mel = mel_power(tone)
    assert mel.shape == (101, 40)
    np.testing.assert_allclose(mel_power(2 * tone), 4 * mel, rtol=1e-4)
    band = librosa.mel_frequencies(42, fmin=0, fmax=8000)[1:-1].searchsorted(1000)
    assert mel[50].argmax() in (band - 1, band)


def noise(level: float, seconds: float, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def test_pauses_are_left_out() -> None:
    """A second of sound, a second 40 dB below it, a second of sound."""
    is_speech = spoken_steps(np.concatenate([noise(0.1, 1), noise(0.001, 1), noise(0.1, 1)]))
    assert is_speech.sum() == pytest.approx(200, abs=5)
    assert not is_speech[105:195].any()
    assert not spoken_steps(np.zeros(SAMPLE_RATE_HZ, np.float32)).any()
    assert len(spoken_steps(np.zeros(10, np.float32))) == 0


def test_windows_cover_all_speech_at_one_level() -> None:
    """Four seconds are seven windows, 0.4 s apart; the half that is 20 dB quieter is heard as loud."""
    windows = voice_windows(np.concatenate([noise(0.1, 2), noise(0.01, 2)]))
    assert windows.shape == (1 + 240 // HOP_STEPS, 160, 40)
    power = windows.mean(axis=(1, 2))
    assert power[-1] == pytest.approx(power[0], rel=0.05)


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), np.zeros(5 * SAMPLE_RATE_HZ, np.float32), noise(0.1, 1.9)]
)
def test_of_too_little_speech_nothing_is_said(samples: Floats) -> None:
    assert voice_merges(samples) is None
    assert count_speakers(None, PARAMS) is None


def test_groups_are_joined_the_most_alike_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directions at 0, 0, 60 and 60 degrees: two pairs of equals, and a cosine of a half between them."""
    angles = np.radians([0, 0, 60, 60])
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    monkeypatch.setattr(voices, "embed", lambda _: directions)
    merges = voice_merges(noise(0.1, 4))
    assert merges == [1.0, 1.0, 0.5]
    assert count_speakers(merges, PARAMS.model_copy(update={"min_voice_likeness": 0.6})) == 2
    assert count_speakers(merges, PARAMS.model_copy(update={"min_voice_likeness": 0.4})) == 1


def real_speech(media: Path, sample: Path) -> dict[str, Floats]:
    """Of each person, as long as there is, and as loud as the others."""
    files = {name: media / "references" / f"{name}.mp4" for name in ("m030_angry", "w023_surprised", "w036_happy")}
    files |= {"lieu": media / "lieu" / "lieu_60s.mp4", "late": media / "cases" / "audio_late_5_frames.mp4"}
    sounds = {name: read_sound(file) for name, file in (files | {"sample": sample}).items()}
    return {name: sound * (0.05 / np.sqrt((sound**2).mean())) for name, sound in sounds.items()}


def test_real_voices_are_told_apart(shared_media: Path, sample_clip: Path) -> None:
    """Four seconds of one speaker have one voice; of all pairs, two seconds each, nine in ten have two."""
    speech = real_speech(shared_media, sample_clip)
    ones = [speech[name][i : i + 2 * HALF_S] for name in ("lieu", "late") for i in range(0, 4 * HALF_S, 2 * HALF_S)]
    pairs = [
        np.concatenate([first[-HALF_S:], second[:HALF_S]])
        for first in speech.values()
        for second in speech.values()
        if first is not second
    ]
    assert [count_speakers(voice_merges(one), PARAMS) for one in [*ones, speech["sample"]]] == [1] * 5
    found = [(count_speakers(voice_merges(pair), PARAMS) or 1) > 1 for pair in pairs]
    assert np.mean(found) >= 0.9


@pytest.mark.network
def test_the_package_holds_what_the_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    path = voices.assets.fetch(voices.ASSET)
    assert path.stat().st_size == ASSETS[voices.ASSET].size_bytes
    assert load_voice_encoder(path).state_dict().keys() == encoder_state().keys()
