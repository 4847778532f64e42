"""One `dvc repro` on the real sample clip, and what lies there afterwards."""

import json
from pathlib import Path

import cv2
import pytest
import yaml

from talkedit.media.video import probe, read_frames
from talkedit.records import POSE

from ..films import sound_of
from ..project import Project, stages_run

STAGES = ("download", "segment", "crop", "attributes", "curate", "shards", "train_discriminator", "train_generator")
LAST = ("evaluate", "edit")
KEPT_IN_GIT = (".json", ".tsv", ".py", ".yaml", ".lock", "config", ".gitignore", ".dvcignore")


@pytest.fixture(scope="module")
def reports(tiny_project: Project) -> Path:
    return tiny_project.folder / "reports" / "sample"


def test_every_stage_leaves_all_that_it_promises(tiny_project: Project) -> None:
    text = (tiny_project.folder / "dvc.yaml").read_text(encoding="utf-8").replace("${person}", "sample")
    stages = yaml.safe_load(text)["stages"]
    assert tuple(stages) == (*STAGES, *LAST)
    for name, stage in stages.items():
        for entry in [*stage["outs"], *stage["metrics"], *stage.get("plots", [])]:
            path = tiny_project.folder / (entry if isinstance(entry, str) else next(iter(entry)))
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            assert files, f"{name}: {path}"
            assert all(file.stat().st_size for file in files), f"{name}: {path}"


def test_a_second_run_does_nothing(tiny_project: Project) -> None:
    output = tiny_project.dvc("repro")
    assert stages_run(output) == []
    assert "Data and pipelines are up to date." in output
    assert tiny_project.run("git", "status", "--porcelain").stdout == ""


def test_git_gets_numbers_and_curves_but_no_footage_and_no_weights(tiny_project: Project) -> None:
    files = tiny_project.run("git", "ls-files").stdout.splitlines()
    assert {"dvc.lock", "reports/sample/evaluate.json", "reports/sample/edit.json"} <= set(files)
    assert [file for file in files if not file.endswith(KEPT_IN_GIT)] == []


def test_nothing_is_left_of_work_in_progress(tiny_project: Project) -> None:
    state = tiny_project.folder / "models" / "sample" / ".state"
    assert [path for path in state.rglob("*") if path.is_file()] == []
    assert [path for path in tiny_project.folder.rglob("*.part*") if ".dvc" not in path.parts] == []


def test_dvc_draws_a_curve_of_every_loss_without_complaint(tiny_project: Project, tmp_path: Path) -> None:
    output = tiny_project.dvc("plots", "show", "--out", str(tmp_path))
    assert "WARNING" not in output
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for curve in ("total", "l1", "v", "s", "b", "audio_loss", "pose_loss", "emotion_loss", "audio_accuracy", "eyes"):
        assert f'"{curve}"' in page


def test_the_edited_video_has_every_frame_at_its_time_and_the_same_sound(sample_clip: Path, reports: Path) -> None:
    edited = reports / "edit" / "edited.mp4"
    before, after = probe(sample_clip), probe(edited)
    assert (after.width_px, after.height_px) == (before.width_px, before.height_px)
    times_s = [frame.time_s for frame in read_frames(sample_clip)]
    assert len(times_s) == 173
    assert [frame.time_s for frame in read_frames(edited)] == times_s
    assert sound_of(edited) == sound_of(sample_clip)


def test_the_edit_is_measured_and_shown(reports: Path) -> None:
    metrics = json.loads((reports / "edit.json").read_text(encoding="utf-8"))
    assert (metrics["n_frames"], metrics["n_edited"]) == (173, 173)
    assert metrics["yaw_after_deg"] > metrics["yaw_before_deg"] + 1  # 8 degrees are asked for, 3 are there
    assert cv2.imread(str(reports / "edit" / "before_after.png")).shape == (2 * 480, 4 * 640, 3)


def test_held_out_frames_are_scored_and_the_closed_loop_is_measured(reports: Path) -> None:
    metrics, details = (
        json.loads((reports / f"{name}.json").read_text(encoding="utf-8")) for name in ("evaluate", "evaluate_details")
    )
    for control in (*(f"{angle}_deg" for angle in POSE), "eye_openness"):
        assert f"{control}_slope" in metrics
        assert f"{control}_error" in details
    assert details["n_clips"] == 1
    systems = json.loads((reports / "evaluate" / "systems.json").read_text(encoding="utf-8"))
    gain = metrics["self_ssim_in_mask"] - systems["nearest training frame"]["scores"]["ssim_in_mask"]
    assert metrics["self_ssim_in_mask_gain"] == pytest.approx(gain, abs=1e-5)
    assert 0 < metrics["self_ssim_in_mask"] < 1
    rows = (reports / "evaluate" / "closed_loop.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("control,asked,measured_yaw_deg,")
    assert len(rows) == 1 + 4 * 2 * 3  # controls, values, frames


def test_the_model_folder_says_what_it_is_of_and_what_it_was_made_from(tiny_model: Path) -> None:
    card = json.loads((tiny_model / "model.json").read_text(encoding="utf-8"))
    assert card["person"] == "sample"
    assert card["params"]["train"]["n_steps"] == 4
    assert card["data"]["n_clips"] == 1
    low, high = card["ranges"]["yaw_deg"]
    assert -5 < low < high < 10  # a man who faces the camera
    assert "Model of sample" in (tiny_model / "README.md").read_text(encoding="utf-8")
