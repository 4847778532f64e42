"""How alike the voices in a clip are, by a network that knows voices apart.

Pauses are left out, and what is left is heard in windows of 1.6 s, as the network learned it. The windows are joined
into groups, the most alike first; where the last two groups are still unlike, two people speak.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from talkedit import assets
from talkedit.media.speech import spoken
from talkedit.models.voice import N_MELS, VoiceEncoder
from talkedit.records import SAMPLE_RATE_HZ, Doubles, Floats

ASSET = "voice_encoder"
STEPS_PER_S = 100
WINDOW_STEPS, HOP_STEPS = 160, 40
MIN_STEPS = 200  # of speech: in less, any two windows share most of what they hear
_WINDOW, _HOP = 400, SAMPLE_RATE_HZ // STEPS_PER_S
_SMOOTH_STEPS = 5
_LEVEL_DB = -30.0  # what the network learned from was raised to it; here every window has it, so that no level tells


def voice_merges(samples: Floats) -> list[float] | None:
    """How alike the groups of windows were that were joined, one number for each joining.

    Groups are compared by the mean cosine over the pairs of their windows, so the numbers fall, and the number of
    voices is one more than how many of them are below a threshold.

    Args:
        samples: (n,) float32 at 16 kHz.

    Returns:
        0 (unlike) to 1, descending; None if there is too little speech to tell.

    Raises:
        AssetError: The network's weights cannot be had.
    """
    windows = voice_windows(samples)
    if len(windows) == 0:
        return None
    from scipy.cluster.hierarchy import linkage  # noqa: PLC0415 (takes a while, and most importers do not need it)

    merges = 1 - linkage(embed(windows), "average", "cosine")[:, 2]
    return merges.round(4).tolist()


@torch.inference_mode()
def embed(windows: Floats) -> Floats:
    """The voice in each window, (N, 160, 40) to (N, 256) of length 1; see `VoiceEncoder`."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of another order are other bytes, and there is a process a core
    try:
        return _encoder()(torch.from_numpy(windows)).numpy()
    finally:
        torch.set_num_threads(n_threads)


def voice_windows(samples: Floats) -> Floats:
    """What the network hears of a clip.

    Args:
        samples: (n,) float32 at 16 kHz.

    Returns:
        (N, 160, 40) float32, power in mel bands at a level of -30 dB; N is 0 if there is too little speech, else 2 or
        more.
    """
    is_speech = spoken_steps(samples)
    if is_speech.sum() < MIN_STEPS:
        return np.zeros((0, WINDOW_STEPS, N_MELS), np.float32)
    mel, power = mel_power(samples)[: len(is_speech)][is_speech], _step_power(samples)[is_speech]
    n_hops = -(-(len(mel) - WINDOW_STEPS) // HOP_STEPS)
    starts = np.linspace(0, len(mel) - WINDOW_STEPS, 1 + n_hops).round().astype(int).tolist()
    gains = [10 ** (_LEVEL_DB / 10) / power[i : i + WINDOW_STEPS].mean() for i in starts]
    windows = [mel[i : i + WINDOW_STEPS] * gain for i, gain in zip(starts, gains, strict=True)]
    return np.stack(windows).astype(np.float32)


def spoken_steps(samples: Floats) -> NDArray[np.bool_]:
    """(n // 160,), the hundredths of a second in which somebody speaks; see `talkedit.media.speech.spoken`."""
    power = _step_power(samples)
    if len(power) == 0:
        return np.zeros(0, bool)
    half = _SMOOTH_STEPS // 2
    smooth = np.convolve(np.pad(power, half, mode="edge"), np.full(_SMOOTH_STEPS, 1 / _SMOOTH_STEPS), "valid")
    return spoken(10 * np.log10(smooth + 1e-12))


def mel_power(samples: Floats) -> Floats:
    """(1 + n // 160, 40) float32: power in Slaney's mel bands, windows of 25 ms around every hundredth of a second."""
    import librosa  # noqa: PLC0415 (takes a second)

    mel = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE_HZ, n_fft=_WINDOW, hop_length=_HOP, n_mels=N_MELS, power=2.0
    )
    return np.asarray(mel.T, np.float32)


def load_voice_encoder(path: Path) -> VoiceEncoder:
    """The network with the weights of the published checkpoint, key for key, ready to use on the CPU."""
    with torch.device("meta"):
        network = VoiceEncoder()
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    network.load_state_dict(state, assign=True)
    return network.eval()


@cache
def _encoder() -> VoiceEncoder:
    return load_voice_encoder(assets.fetch(ASSET))


def _step_power(samples: Floats) -> Doubles:
    n = len(samples) // _HOP
    return (samples[: n * _HOP].reshape(n, _HOP).astype(np.float64) ** 2).mean(axis=1)
