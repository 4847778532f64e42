"""Clips on disk: each with its own sound, each source accounted for, only what changed made again."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkedit.errors import TalkeditError
from talkedit.folders import read_clips
from talkedit.media.audio import read_wav
from talkedit.media.clips import segment_metrics, segment_sources
from talkedit.media.download import DownloadParams, download
from talkedit.media.segment import SegmentParams
from talkedit.params import load_section
from talkedit.tables import read_rows

from ..tiny import PARAMS_FILE
from .films import make_film, tone

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DOWNLOAD = load_section(PARAMS_FILE, DownloadParams)
PARAMS = SegmentParams(clip_s=2.0, min_clip_s=2.0, cut_threshold=27.0, validation_share=0.15, guard_s=0.2, seed=0)


def rising_tone(length_s: float) -> np.ndarray:
    """A tone whose level at t seconds is t / 20."""
    n = round(length_s * 48_000)
    return (tone(n, 48_000) * 2 * np.arange(n) / 48_000 / 20).astype(np.float32)


def fetch(folder: Path, **sounds: np.ndarray | None) -> Path:
    """A download folder with films of 5 s, one for each name; None has no sound."""
    folder.mkdir(exist_ok=True)
    lines = ["anna:"]
    for name, sound in sounds.items():
        path = folder / f"{name}.mkv"
        if not path.exists():
            make_film(path, stamps=list(range(125)), sound_s=None if sound is None else (0.0, sound))
        lines.append(f"  - {{id: {name}, path: {path.name}}}")
    (folder / "sources.yaml").write_text("\n".join(lines))
    download(folder / "sources.yaml", "anna", folder / "raw", DOWNLOAD)
    return folder / "raw"


def test_a_clips_sound_is_that_of_its_time(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", one=rising_tone(5))
    rows = segment_sources(raw, tmp_path / "clips", PARAMS)
    clips = read_clips(tmp_path / "clips")
    assert [clip.split for clip in clips].count("validation") == 1
    assert len(clips) == 2
    for clip, row in zip(clips, rows, strict=True):
        samples, rate_hz = read_wav(tmp_path / "clips" / f"{clip.clip_id}.wav")
        assert (rate_hz, len(samples)) == (16_000, clip.n_frames * 640)
        middle_s = float(clip.start_s) + clip.n_frames / 50
        middle = samples[len(samples) // 2 - 800 : len(samples) // 2 + 800]
        assert np.abs(middle).max() == pytest.approx(middle_s / 20, rel=0.05)
        assert clip.source == "one.mkv"
        assert isinstance(clip.start_s, Fraction)
        assert -40 < row["loudness_db"] < -10
    assert segment_metrics(rows)["n_clips"] == 2


def test_two_parts_of_one_film_keep_apart_on_the_disk_too(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mkv", stamps=list(range(150)), sound_s=(0.0, rising_tone(6)))
    parts = ["anna:", "  - {id: a, path: film.mkv, end: 3}", "  - {id: b, path: film.mkv, start: 3}"]
    (tmp_path / "sources.yaml").write_text("\n".join(parts))
    download(tmp_path / "sources.yaml", "anna", tmp_path / "raw", DOWNLOAD)
    lengths = set()
    for seed in range(6):
        segment_sources(tmp_path / "raw", tmp_path / "clips", PARAMS.model_copy(update={"seed": seed}))
        first, second = read_clips(tmp_path / "clips")
        assert second.start_s - first.start_s - Fraction(first.n_frames, 25) >= Fraction(1, 5)
        lengths.add((first.n_frames, second.n_frames))
    assert lengths == {(70, 75), (75, 70)}  # whichever is held out gives up the guard


def test_sources_without_sound_and_sound_that_ends_early_are_rows(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", mute=None, short=rising_tone(2.6), whole=rising_tone(5))
    rows = segment_sources(raw, tmp_path / "clips", PARAMS)
    rejected = {row["clip_id"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert rejected == {"mute": "no_audio", "short-0001": "no_audio"}
    assert {clip.source for clip in read_clips(tmp_path / "clips")} == {"short.mkv", "whole.mkv"}
    assert not (tmp_path / "clips" / "short-0001.wav").exists()
    assert segment_metrics(rows)["n_rejected"] == 2


def test_one_more_source_makes_only_its_own_clips(tmp_path: Path) -> None:
    out = tmp_path / "clips"
    segment_sources(fetch(tmp_path / "a", one=rising_tone(5), two=rising_tone(5)), out, PARAMS)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    raw = fetch(tmp_path / "a", one=rising_tone(5), two=rising_tone(5), three=rising_tone(5))
    segment_sources(raw, out, PARAMS)
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    assert set(after) - set(before) == {"three-0000.wav", "three-0001.wav"}
    assert {name: after[name] for name in before} == before


def test_other_params_leave_no_old_clip_behind(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", one=rising_tone(5))
    for _ in range(2):
        segment_sources(raw, tmp_path / "clips", PARAMS)
        segment_sources(raw, tmp_path / "clips", PARAMS.model_copy(update={"clip_s": 5.0}))
    assert {path.name for path in (tmp_path / "clips").iterdir()} == {
        "one-0000.wav",
        "one-0000-held-out.wav",
        "clips.parquet",
        "manifest.json",
    }


def test_no_usable_footage_says_why(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", mute=None)
    with pytest.raises(TalkeditError, match=r"for train and validation .*mute: the source has no sound"):
        segment_sources(raw, tmp_path / "clips", PARAMS)
    with pytest.raises(TalkeditError, match="run the stage"):
        segment_sources(tmp_path / "none", tmp_path / "clips", PARAMS)


def run_stage(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PROJECT_ROOT / "stages" / f"{name}.py", *arguments]
    environment = {"PYTHONPATH": str(PROJECT_ROOT), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_both_stages_from_the_command_line(tmp_path: Path) -> None:
    fetch(tmp_path, one=rising_tone(5))
    params = tmp_path / "params.yaml"
    params.write_text(
        f"download: {DOWNLOAD.model_dump_json()}\n"
        "segment: {clip_s: 2, min_clip_s: 2, cut_threshold: 200, validation_share: 0.15, guard_s: 0.2, seed: 0}\n"
    )
    common = ("--metrics", tmp_path / "m.json", "--params", params)
    sources = ("--sources", tmp_path / "sources.yaml", "--out", tmp_path / "raw2")
    done = run_stage("download", *sources, "--person", "anna", *common)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "m.json").read_text())["duration_s"] == 5
    done = run_stage("segment", "--raw", tmp_path / "raw2", "--out", tmp_path / "clips", *common)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "m.json").read_text())["n_clips"] == 2
    assert len(read_rows(tmp_path / "clips" / "clips.parquet")) == 2

    done = run_stage("download", *sources, "--person", "bob", *common)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"error: {tmp_path}/sources.yaml: has no person 'bob'; it has anna"]
