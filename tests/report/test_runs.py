"""Numbers of experiments are read from git, where DVC keeps them."""

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml

from talkedit.errors import ParamsError, TalkeditError
from talkedit.report.ablations import experiment_name, overrides
from talkedit.report.gather import both_tables
from talkedit.report.runs import experiments, read_committed, read_json, seeds_of
from talkedit.report.tables import latex, markdown

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    named = ["git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", *arguments]
    return subprocess.run(named, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with two experiments of one ablation, and the last evaluation in its workspace."""
    git(tmp_path, "init", "--quiet")
    metrics = tmp_path / "reports" / "me" / "evaluate.json"
    metrics.parent.mkdir(parents=True)
    for seed, ssim in ((0, 0.7), (1, 0.9)):
        metrics.write_text(json.dumps({"n_clips": 1, "self_ssim_crop": ssim, "self_lmd_m_px256": 1.5}))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", f"seed {seed}")
        git(tmp_path, "update-ref", f"refs/exps/ab/cdef/{experiment_name('A+P', seed)}", "HEAD")
    (metrics.parent / "evaluate").mkdir()
    systems = {
        "this system": {"n_clips": 1, "reason": None, "scores": {"ssim_crop": 0.8}},
        "EAMM": {"n_clips": 0, "reason": "no usable release", "scores": {}},
    }
    (metrics.parent / "evaluate" / "systems.json").write_text(json.dumps(systems))
    return tmp_path


def test_experiments_are_found_by_name_with_their_numbers(project: Path) -> None:
    assert sorted(experiments(project)) == ["ablation-a-p-s0", "ablation-a-p-s1"]
    found = seeds_of(project, "me", partial(experiment_name, "A+P"))
    assert found == [{"ssim_crop": 0.7, "lmd_m_px256": 1.5}, {"ssim_crop": 0.9, "lmd_m_px256": 1.5}]
    assert seeds_of(project, "me", partial(experiment_name, "A")) == []


def test_both_tables_hold_what_was_run_and_what_was_not(project: Path) -> None:
    text = "".join(markdown(table) for table in both_tables(project, "me"))
    assert "| A+P | 0.800 ± 0.141 (n=2) | 1.500 ± 0.000 (n=2) | – | – | 0.70 | 0.49 | 0.95 | 4.73 |  |" in text
    assert "| this system | 0.800 | – | – | – | 0.72 | 0.46 | 0.86 | 4.79 |  |" in text
    assert "| EAMM | – | – | – | – | – | – | – | – | no usable release |" in text
    assert text.count("not run yet") == 6  # A, A+P+E, A+P+E+B, Wav2Lip, the paper's layout, this system alike
    assert text.count("cannot be compared") == 2
    assert "".join(latex(table) for table in both_tables(project, "me")).count(r"\begin{table}") == 2


def test_what_is_not_there_is_said_or_empty(project: Path) -> None:
    assert read_committed(project, "HEAD", "reports/me/nothing.json") is None
    assert read_committed(project, "HEAD~1", "reports/me/evaluate.json") == {
        "n_clips": 1,
        "self_ssim_crop": 0.7,
        "self_lmd_m_px256": 1.5,
    }
    with pytest.raises(TalkeditError, match="dvc repro evaluate"):
        read_json(project / "reports" / "nobody.json")


def test_an_ablation_sets_what_it_is_called() -> None:
    assert overrides(PROJECT_ROOT, "A+P", 3) == [
        "model.attributes=[pose]",
        "model.sources=raw",
        "train.seed=3",
        "discriminator.seed=3",
    ]
    baseline = overrides(PROJECT_ROOT, "wav2lip", 0)
    assert {"model.kind=wav2lip", "model.attributes=[]", "loss.lambda_v=0.0", "train.seed=0"} <= set(baseline)
    reference = overrides(PROJECT_ROOT, "reference", 1)
    assert reference[-2:] == ["train.seed=1", "discriminator.seed=1"]
    # What the paper's profile has of it, but for the size: that of params.yaml.
    paper = yaml.safe_load((PROJECT_ROOT / "profiles/paper.yaml").read_text())["model"]
    of_the_layout = ("sources", "max_width", "decoder_ratio", "embedding_dim")
    assert reference[:-2] == [f"model.{key}={paper[key]}" for key in of_the_layout]


def test_without_its_profile_the_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="project's folder"):
        overrides(tmp_path, "wav2lip", 0)
