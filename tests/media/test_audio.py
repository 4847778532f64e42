"""Sound lies on the picture's clock, and the mel spectrogram is what its definition says."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from talkedit.errors import MediaError
from talkedit.media.audio import MEL_SILENCE, mel_spectrogram, mel_windows, read_audio, read_sound, read_wav, write_wav
from talkedit.media.ffmpeg import ffmpeg_path

from .films import tone

ONSET_TOLERANCE_S = 0.005  # AAC smears an onset by some samples


def onset_s(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(samples) > 0.1)) / 16_000


@pytest.mark.parametrize(
    ("first_frame", "sound_at_s", "expected_s"),
    [(0, 0.0, 0.5), (0, 0.4, 0.9), (10, 0.0, 0.1), (10, 0.4, 0.5)],
    ids=["together", "late sound", "late picture", "both late"],
)
def test_time_zero_is_the_first_frame(film, first_frame: int, sound_at_s: float, expected_s: float) -> None:
    quiet_then_tone = np.concatenate([np.zeros(24_000, np.float32), tone(24_000, 48_000)])
    path = film(stamps=[first_frame + i for i in range(50)], sound_s=(sound_at_s, quiet_then_tone))
    samples = read_audio(path)
    assert samples is not None
    assert samples.dtype == np.float32
    assert onset_s(samples) == pytest.approx(expected_s, abs=ONSET_TOLERANCE_S)
    assert len(samples) / 16_000 == pytest.approx(expected_s + 0.5, abs=0.05)


def test_resampling_keeps_level_and_pitch(film) -> None:
    samples = read_audio(film(sound_s=(0.0, tone(96_000, 48_000))))
    assert samples is not None
    middle = samples[8_000:24_000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440


def test_no_audio_stream_gives_none(film) -> None:
    assert read_audio(film()) is None


def test_real_jittering_and_late_streams(shared_media: Path) -> None:
    late_picture = read_audio(shared_media / "cases" / "scene_cuts_2997.mp4")
    jitter = read_audio(shared_media / "cases" / "portrait_vfr.mp4")
    assert late_picture is not None
    assert jitter is not None
    assert len(late_picture) / 16_000 == pytest.approx(441_344 / 44_100 + 0.008 - 0.852, abs=0.03)
    assert len(jitter) / 16_000 == pytest.approx(2.49, abs=0.03)


def test_wav_round_trip_is_exact_on_16_bits(tmp_path: Path) -> None:
    samples = np.array([-1.0, -0.5, 0.0, 1 / 32768, 0.5, 32767 / 32768, 1.0, 7.0], np.float32)
    write_wav(tmp_path / "a.wav", samples, 8_000)
    back, rate_hz = read_wav(tmp_path / "a.wav")
    assert rate_hz == 8_000
    assert back.tolist() == [*samples[:6].tolist(), 32767 / 32768, 32767 / 32768]


def test_a_file_that_is_no_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF, but no more")
    with pytest.raises(MediaError, match="not a WAV"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("n_samples", [0, 1, 799, 800, 16_000])
def test_silence_and_the_number_of_steps(n_samples: int) -> None:
    mel = mel_spectrogram(np.zeros(n_samples, np.float32))
    assert mel.shape == (80, 1 + n_samples // 200)
    assert mel.dtype == np.float32
    assert np.all(mel == MEL_SILENCE)


def test_level_is_in_decibels() -> None:
    """Ten times the amplitude is 20 dB, and 100 dB are 8 units: 1.6 units, in the bin that hears the tone."""
    loud, quiet = (mel_spectrogram(level * tone(16_000, 16_000)) for level in (1.0, 0.1))
    bin_of_440_hz = int(np.argmax(loud[:, 40]))
    assert loud[bin_of_440_hz, 40] - quiet[bin_of_440_hz, 40] == pytest.approx(1.6, abs=1e-3)


def test_an_impulse_by_hand() -> None:
    """An impulse, pre-emphasised, at the centre of step 40: |1 - 0.97 e^-jw| in every FFT bin (the window is 1 there).

    The Slaney filter of bin 0 covers 40 Hz (FFT bins are 20 Hz wide) with area 1; the answer follows bin by bin.
    """
    samples = np.zeros(16_000, np.float32)
    samples[8_000] = 1.0
    import librosa

    basis = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    w = 2 * np.pi * np.arange(401) / 800
    window = 0.5 + 0.5 * np.cos(2 * np.pi / 800)  # of Hann, one sample from its centre, where the -0.97 is
    expected_db = 20 * np.log10(basis @ np.abs(1 - 0.97 * window * np.exp(-1j * w))) - 20
    expected = np.clip(8 * (expected_db + 100) / 100 - 4, -4, 4)
    assert mel_spectrogram(samples)[:, 40] == pytest.approx(expected, abs=1e-3)


def test_windows_are_centred_and_padded_with_silence() -> None:
    mel = np.tile(np.arange(100, dtype=np.float32), (80, 1))
    windows = mel_windows(mel, np.array([1 / 2, 0, 99 / 80, -1, 9]))
    assert windows.shape == (5, 80, 16)
    assert windows.dtype == np.float32
    assert windows[0, 3].tolist() == list(range(32, 48))
    assert windows[1, 0].tolist() == [-4.0] * 8 + list(range(8))
    assert windows[2, 79].tolist() == [*range(91, 100), *[-4.0] * 7]
    assert np.all(windows[3:] == MEL_SILENCE)


def test_windows_of_frames_have_no_drift() -> None:
    mel = np.tile(np.arange(80 * 600, dtype=np.float32), (1, 1)).repeat(80, axis=0)
    times = np.arange(0, 15_000, 2_500) / 25
    assert mel_windows(mel, times)[:, 0, 8].tolist() == [80 * i / 25 for i in range(0, 15_000, 2_500)]


def test_sound_that_changes_layout_and_rate_on_the_way_goes_on(tmp_path: Path) -> None:
    """As broadcasts do: half a second of stereo at 48 kHz, then of 5.1 at 44.1 kHz, then of stereo again."""
    parts = []
    for number, (layout, rate_hz) in enumerate([("stereo", 48_000), ("5.1", 44_100), ("stereo", 48_000)]):
        part = tmp_path / f"{number}.ts"
        heard = ("-f", "lavfi", "-i", f"sine=440:d=0.5:r={rate_hz},aformat=channel_layouts={layout}")
        written = ("-c:a", "ac3", "-output_ts_offset", str(number / 2), str(part))
        subprocess.run([ffmpeg_path(), "-loglevel", "error", *heard, *written], check=True)
        parts.append(part.read_bytes())
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    samples = read_sound(tmp_path / "all.ts")
    assert len(samples) / 16_000 == pytest.approx(1.5, abs=0.1)
    for begin_s in (0.1, 0.6, 1.1):
        part = samples[round(begin_s * 16_000) :][:4_800]
        assert np.argmax(np.abs(np.fft.rfft(part))) * 16_000 / 4_800 == pytest.approx(440, abs=5)


def test_sound_from_long_after_the_picture_takes_no_memory(film, tmp_path: Path) -> None:
    """Two seconds of picture, and sound that is stamped five hours later: gigabytes of silence, as floats."""
    early = film(sound_s=(0.0, tone(48_000, 48_000)))
    late = tmp_path / "late.mkv"
    inputs = ("-i", str(early), "-itsoffset", "18000", "-i", str(early))
    copy = ("-map", "0:v", "-map", "1:a", "-c", "copy", "-max_interleave_delta", "0")
    subprocess.run([ffmpeg_path(), "-loglevel", "error", *inputs, *copy, str(late)], check=True)
    assert read_audio(late) is None
