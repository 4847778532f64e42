"""`talkedit bench extract`: both ways find the same points, and the figures are those of the work."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from talkedit.bench.commands import bench
from talkedit.bench.extract import Footage, Timing, distance_px, timing_rows
from talkedit.bench.frame_by_frame import find_all
from talkedit.errors import ParamsError
from talkedit.records import FaceTrack

from ..films import remake
from ..tiny import PARAMS_FILE

SAME_POINT_PX = 2.0


@pytest.fixture(scope="module")
def folder(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video of 3 s at 25 fps, and a text."""
    folder = tmp_path_factory.mktemp("films")
    remake(sample_clip, folder / "film.mp4", "-t", "3", "-r", "25", "-vf", "scale=480:-2")
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def footage(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return Footage(folder, 5, tmp_path_factory.mktemp("footage"), PARAMS_FILE)


def test_the_footage_is_cut_into_clips(footage: Footage) -> None:
    """75 frames: 20 are held out, 5 before that are in neither part."""
    assert [clip.n_frames for clip in footage.clips] == [50, 20]
    assert footage.n_frames == 70
    assert len(footage.files) == 1


def test_a_point_beside_the_scripts_is_as_far_away(footage: Footage) -> None:
    """The script's points, moved by 3 px to the right and 4 down, are 5 px away, in the frames they are of."""
    points = np.random.default_rng(0).uniform(0, 400, (75, 68, 2)).astype(np.float32)
    tracks = [
        FaceTrack(np.zeros((n, 4)), points[first : first + n] + np.float32([3, 4]), np.ones(n, bool), (480, 360))
        for first, n in ((0, 50), (55, 20))
    ]
    assert distance_px(footage, tracks, [(points, 25.0)]) == pytest.approx(5, abs=1e-4)


def test_rates_are_frames_over_time() -> None:
    """5 frames in 2 s, and 10 in 1 s, by two processors that were busy for all of it."""
    first, second = Timing("a", 5, 2.0, 2.0), Timing("b", 10, 1.0, 2.0)
    keys = ("name", "frames_per_s", "frames_per_s_per_core", "times_first", "times_first_per_core", "n_rounds")
    assert [tuple(row[key] for key in keys) for row in timing_rows([[first, second]])] == [
        ("a", 2.5, 2.5, 1.0, 1.0, 1),
        ("b", 10.0, 5.0, 4.0, 2.0, 1),
    ]


def test_a_folder_without_videos_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="holds no video; give a folder with some"):
        Footage(tmp_path, 5, tmp_path, PARAMS_FILE)
    with pytest.raises(ParamsError, match="is no folder that can be read"):
        Footage(tmp_path / "missing", 5, tmp_path, PARAMS_FILE)


def test_our_points_are_the_scripts(footage: Footage) -> None:
    ((points, fps),) = find_all(footage.files, 0)
    assert (len(points), fps) == (75, 25.0)
    clip = footage.clips[0]
    track = footage.finder().find(footage.raw / clip.source, clip, Path()).track
    assert distance_px(footage, [track, _nowhere(footage.clips[1].n_frames)], [(points, fps)]) < SAME_POINT_PX


def _nowhere(n_frames: int) -> FaceTrack:
    points = np.full((n_frames, 68, 2), np.nan, np.float32)
    return FaceTrack(np.full((n_frames, 4), np.nan), points, np.zeros(n_frames, bool), (480, 360))


@pytest.mark.slow
def test_the_command_names_every_step(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "extract.json"
    command = ["extract", "--clips", folder, "--params", PARAMS_FILE, "--enlarged", "0", "--json", out]
    ended = CliRunner().invoke(bench, [str(part) for part in command], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    content = json.loads(out.read_text())
    steps = ["decode", "detect", "landmarks", "crop", "pose", "emotion", "blink"]
    assert [row["name"] for row in content["steps"]] == steps
    stages = ["crop stage", "attributes stage", "shards stage"]
    assert [row["name"] for row in content["rows"]] == ["plain script", "landmarks", *stages, "all, to shards"]
    assert all(row["frames_per_s"] > 0 for row in content["steps"] + content["rows"])
    assert content["distance_px"] < SAME_POINT_PX
    assert f"{content['times']:.2f} times" in " ".join(ended.output.split())
