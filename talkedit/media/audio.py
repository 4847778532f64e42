"""Sound as mono samples on the picture's clock, WAV files, and the mel spectrogram that the networks hear."""

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from talkedit.errors import MediaError
from talkedit.manifest import write_atomically
from talkedit.media.decode import first_sample_s, open_media
from talkedit.media.video import probe
from talkedit.records import SAMPLE_RATE_HZ, Floats

MEL_STEPS_PER_S = 80
N_MELS = 80
MEL_WINDOW_STEPS = 16
MEL_SILENCE = np.float32(-4.0)  # what the spectrogram of zeros is

_N_FFT, _HOP = 800, 200
_PRE_EMPHASIS = 0.97
_MIN_DB, _REF_DB, _MAX_ABS = -100.0, 20.0, 4.0
_JITTER_S = Fraction(1, 25)  # time stamps of recorded sound are off by up to 20 ms; only more is a gap
_MOST_GAP_S = 4 * 3600  # a time stamp that is further on is damaged: filling that with silence takes gigabytes


def read_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Floats | None:
    """The first audio stream as mono, sample 0 at the time of the first video frame.

    Sound from before the picture is left out; a late start, and gaps, are silence. It ends where the sound ends, or
    with a gap of hours.

    Args:
        path: A video file.
        sample_rate_hz: The rate wanted.

    Returns:
        (n,) float32, full scale at -1 and 1, or None if there is no audio stream or nothing of it can be decoded.

    Raises:
        MediaError: As `talkedit.media.video.probe`.
    """
    path = Path(path)
    return _read(path, probe(path).start_s, sample_rate_hz)


def read_sound(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Floats:
    """The first audio stream of a file that needs no picture, as mono, from its first sample on.

    Args:
        path: A sound or video file.
        sample_rate_hz: The rate wanted.

    Returns:
        (n,) float32, full scale at -1 and 1.

    Raises:
        MediaError: There is no such file, or no sound in it that can be decoded.
    """
    path = Path(path)
    samples = _read(path, first_sample_s(path), sample_rate_hz)
    if samples is None:
        raise MediaError(path, "has no sound that can be decoded; give another file")
    return samples


def _read(path: Path, zero_s: Fraction, sample_rate_hz: int) -> Floats | None:
    with open_media(path) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("flt", "mono", sample_rate_hz)
        joined = bytearray()  # thousands of blocks until the end would take two and a half times as much
        for samples in _on_clock(container, zero_s):
            for block in _flat(resampler.resample(samples)):
                joined += block.tobytes()
        if joined:
            joined += b"".join(block.tobytes() for block in _flat(resampler.resample(None)))
    return np.frombuffer(joined, np.float32) if joined else None


def _on_clock(container: InputContainer, zero_s: Fraction) -> Iterator[av.AudioFrame]:
    """Mono frames at the rate of the stream's first one, without gaps, the first sample at `zero_s`."""
    n_before = rate_hz = 0
    form, mono = None, av.AudioResampler("flt", "mono")
    for frame in _decoded(container):
        rate_hz = rate_hz or frame.sample_rate
        given = frame.format.name, frame.layout.name, frame.sample_rate
        if given != form:  # as broadcasts change it on the way
            form, mono = given, av.AudioResampler("flt", "mono", rate_hz)
        begin = (
            n_before
            if frame.pts is None
            else round((frame.pts * (frame.time_base or Fraction(1, frame.sample_rate)) - zero_s) * rate_hz)
        )
        gap = begin - n_before
        if n_before and abs(gap) < _JITTER_S * rate_hz:
            gap = 0
        if gap > _MOST_GAP_S * rate_hz:
            return
        samples = np.concatenate([np.zeros(0, np.float32), *_flat(mono.resample(frame))])[max(-gap, 0) :]
        for n_silent in _in_pieces(gap, rate_hz):
            n_before += n_silent
            yield _frame(np.zeros(n_silent, np.float32), rate_hz)
        if len(samples):
            n_before += len(samples)
            yield _frame(samples, rate_hz)


def _in_pieces(n: int, most: int) -> Iterator[int]:
    """`n` in parts of at most `most`; nothing if it is not above 0."""
    for done in range(0, n, most):
        yield min(most, n - done)


def _decoded(container: InputContainer) -> Iterator[av.AudioFrame]:
    stream = container.streams.audio[0]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except (StopIteration, av.error.EOFError):
            return
        except av.error.FFmpegError:
            continue  # a damaged packet is a gap, and so silence
        yield from frames


def _frame(samples: Floats, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _flat(frames: list[av.AudioFrame]) -> list[Floats]:
    return [frame.to_ndarray()[0] for frame in frames]


def write_wav(path: Path, samples: Floats, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Writes mono samples as 16 bit PCM; the name never holds half a file.

    Args:
        path: The .wav file.
        samples: (n,) float32; beyond -1..1 it is clipped.
        sample_rate_hz: Samples a second.
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes())
    write_atomically(path, buffer.getvalue())


def read_wav(path: Path) -> tuple[Floats, int]:
    """Reads a mono 16 bit WAV file.

    Returns:
        The samples, (n,) float32 in -1..1, and their rate in Hz.

    Raises:
        MediaError: It cannot be read, or is not mono 16 bit PCM.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise MediaError(path, "is not mono 16 bit; run the segment stage again")
            raw = file.readframes(file.getnframes())
            return np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768.0), file.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise MediaError(path, f"is not a WAV file that can be read ({error}); run the segment stage again") from error


def mel_spectrogram(samples: Floats) -> Floats:
    """The mel spectrogram of Wav2Lip: 80 bins of 55 to 7600 Hz, 80 steps a second, amplitude in dB scaled to -4..4.

    Step i is centred on i / 80 s. 0 dB is full scale less 20 dB; -100 dB and below is -4. Before and after the samples
    there is silence. Source: Prajwal et al., "A Lip Sync Expert Is All You Need" (2020), its released audio settings.

    Args:
        samples: (n,) float32 at 16 kHz.

    Returns:
        (80, 1 + n // 200) float32 in -4..4.
    """
    import librosa  # noqa: PLC0415 (takes a second, and most of what imports this module needs no mel)

    n_steps = 1 + len(samples) // _HOP
    padded = np.pad(samples, (0, max(_N_FFT - len(samples), 0)))
    emphasised = np.append(padded[:1], padded[1:] - _PRE_EMPHASIS * padded[:-1]).astype(np.float32)
    spectrum = np.abs(librosa.stft(emphasised, n_fft=_N_FFT, hop_length=_HOP, win_length=_N_FFT, pad_mode="constant"))
    spectrum = spectrum[:, :n_steps]
    level_db = 20.0 * np.log10(np.maximum(_mel_basis() @ spectrum, 10 ** (_MIN_DB / 20))) - _REF_DB
    scaled = 2 * _MAX_ABS * (level_db - _MIN_DB) / -_MIN_DB - _MAX_ABS
    return np.clip(scaled, -_MAX_ABS, _MAX_ABS).astype(np.float32)


@cache
def _mel_basis() -> Floats:
    import librosa  # noqa: PLC0415 (as above)

    return librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=_N_FFT, n_mels=N_MELS, fmin=55, fmax=7600)


def mel_windows(mel: Floats, times_s: NDArray[np.floating]) -> Floats:
    """The 0.2 s of sound around each time.

    Args:
        mel: (80, n_steps) from `mel_spectrogram`.
        times_s: (T,), from the first sample; may lie outside, where there is silence.

    Returns:
        (T, 80, 16) float32: steps c - 8 to c + 7, where step c is the one nearest to the time.
    """
    half = MEL_WINDOW_STEPS // 2
    centres = np.floor(times_s * MEL_STEPS_PER_S + 0.5).astype(np.int64)
    steps = centres[:, None] + np.arange(-half, half)
    inside = (steps >= 0) & (steps < mel.shape[1])
    windows = mel[:, np.clip(steps, 0, mel.shape[1] - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None, :], windows, MEL_SILENCE).astype(np.float32)
