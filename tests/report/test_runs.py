"""Numbers of experiments are read from git, where DVC keeps them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from talkedit.errors import ParamsError, TalkeditError
from talkedit.report.ablations import experiment_name, overrides, run_ablations
from talkedit.report.gather import NOT_RUN, OTHER_NETWORK, both_tables
from talkedit.report.paper import ALIKE_WARNING
from talkedit.report.runs import experiments, read_committed, read_json, seeds_of
from talkedit.report.tables import latex, markdown

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    named = ["git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", *arguments]
    return subprocess.run(named, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


PARAMS = {
    "person": "me",
    "model": {"width": 16, "attributes": ["pose", "emotion", "blink"], "sources": "guided"},
    "discriminator": {"seed": 7},
    "train": {"seed": 7, "n_steps": 400},
    "loss": {"lambda_s": 0.01},
    "evaluate": yaml.safe_load((PROJECT_ROOT / "params.yaml").read_text())["evaluate"],
    "edit": {"yaw_deg": 8.0},
}


def write_params(project: Path, **sections: object) -> None:
    """params.yaml with other sections than `PARAMS`."""
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMS | sections))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with two experiments of one ablation of one person, and two persons' last evaluations."""
    git(tmp_path, "init", "--quiet")
    write_params(tmp_path)
    shutil.copytree(PROJECT_ROOT / "profiles", tmp_path / "profiles")
    systems = {
        "this system": {"n_clips": 1, "reason": None, "scores": {"ssim_crop": 0.8}},
        "EAMM": {"n_clips": 0, "reason": "no usable release", "scores": {}},
    }
    for person in ("you", "me"):
        metrics = tmp_path / "reports" / person / "evaluate.json"
        (metrics.parent / "evaluate").mkdir(parents=True)
        (metrics.parent / "evaluate" / "systems.json").write_text(json.dumps(systems))
        metrics.write_text(json.dumps({"self_ssim_crop": 0.1}))
    for seed, ssim in ((0, 0.7), (1, 0.9)):
        metrics.write_text(json.dumps({"n_clips": 1, "self_ssim_crop": ssim, "self_lmd_m_px256": 1.5}))
        if seed:
            metrics.with_name("evaluate_details.json").write_text(json.dumps({"self_fid_hed_vgg": 8.0}))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", f"seed {seed}")
        git(tmp_path, "update-ref", f"refs/exps/ab/cdef/{experiment_name(tmp_path, 'me', 'A+P')}-s{seed}", "HEAD")
    return tmp_path


def test_experiments_are_found_by_name_with_their_numbers(project: Path) -> None:
    name = experiment_name(project, "me", "A+P")
    assert re.fullmatch("ablation-a-p-[0-9a-f]{8}", name)
    assert sorted(experiments(project)) == [f"{name}-s0", f"{name}-s1"]
    assert seeds_of(project, "me", name) == [
        {"ssim_crop": 0.7, "lmd_m_px256": 1.5},
        {"ssim_crop": 0.9, "lmd_m_px256": 1.5, "fid_hed_vgg": 8.0},
    ]
    assert seeds_of(project, "me", experiment_name(project, "me", "A")) == []


def test_any_seed_is_found_in_the_order_of_the_seeds(project: Path) -> None:
    name = experiment_name(project, "me", "A+P")
    for seed, revision in ((4294967295, "HEAD"), (100, "HEAD~1"), (20, "HEAD")):
        git(project, "update-ref", f"refs/exps/ab/cdef/{name}-s{seed}", revision)
    git(project, "update-ref", f"refs/exps/ab/cdef/{name}-s5-again", "HEAD")
    # Seeds 0, 1, 20, 100 and the last one.
    assert [scores["ssim_crop"] for scores in seeds_of(project, "me", name)] == [0.7, 0.9, 0.9, 0.7, 0.9]


def test_of_two_experiments_with_one_name_the_later_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2099-01-01T00:00:00Z")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "later")
    name = experiment_name(project, "me", "A+P")
    git(project, "update-ref", f"refs/exps/aa/cdef/{name}-s1", "HEAD")
    assert experiments(project)[f"{name}-s1"] == f"refs/exps/aa/cdef/{name}-s1"


def test_both_tables_hold_what_was_run_and_what_was_not(project: Path) -> None:
    text = "".join(markdown(table) for table in both_tables(project, "me"))
    assert "| A+P | 0.800 ± 0.141 (n=2) | 1.500 ± 0.000 (n=2) | – | – | 8.000 | 0.70 | 0.49 | 0.95 | 4.73 |  |" in text
    assert "| this system | 0.800 | – | – | – | 8.000 | 0.72 | 0.46 | 0.86 | 4.79 |  |" in text
    assert "| EAMM | – | – | – | – | – | – | – | – | – | no usable release |" in text
    # A, A+P+E, A+P+E+B, Wav2Lip, the paper's layout, this system alike
    assert text.count("not run with the numbers of params.yaml: talkedit ablations |") == 6
    assert text.count("cannot be compared") == 2
    assert "".join(latex(table) for table in both_tables(project, "me")).count(r"\begin{table}") == 2


def test_one_person_s_experiments_are_not_shown_for_another(project: Path) -> None:
    """Though their commits carry the other's numbers too, which are the last evaluation's and no ablation's."""
    text = "".join(markdown(table) for table in both_tables(project, "you"))
    assert "0.100" not in text
    assert text.count("talkedit ablations, once it names you |") == 7
    write_params(project, person="you")
    text = "".join(markdown(table) for table in both_tables(project, "you"))
    assert text.count("params.yaml: talkedit ablations |") == 7


def test_what_was_run_with_other_numbers_is_not_shown_and_runs_again(project: Path) -> None:
    name = experiment_name(project, "me", "A+P")
    assert list(run_ablations(project, ["A+P"], [0, 1])) == [f"{name}-s0: is there", f"{name}-s1: is there"]
    write_params(project, train={"seed": 7, "n_steps": 401})
    assert "0.800 ± 0.141" not in "".join(markdown(table) for table in both_tables(project, "me"))
    with pytest.raises(TalkeditError, match=r"ablation-a-p-[0-9a-f]{8}-s0: `dvc exp run` ended with"):
        list(run_ablations(project, ["A+P"], [0]))  # there is no pipeline here


@pytest.mark.parametrize(
    ("which", "key", "told"),
    [
        ("wav2lip", "sync_own_confidence", True),
        ("talkedit", "sync_own_confidence", True),
        ("A+P", "sync_own_confidence", False),  # of the other table
        ("talkedit", "syncnet_confidence", False),  # one judge for all
    ],
)
def test_methods_that_other_experts_judged_are_told_of(project: Path, which: str, key: str, told: bool) -> None:
    systems = {"this system": {"n_clips": 1, "reason": None, "scores": {"ssim_crop": 0.8, key: 2.0}}}
    (project / "reports" / "me" / "evaluate" / "systems.json").write_text(json.dumps(systems))
    git(project, "update-ref", f"refs/exps/ab/cdef/{experiment_name(project, 'me', which)}-s0", "HEAD")
    methods, ablations = both_tables(project, "me")
    assert (ALIKE_WARNING in methods.notes) == told
    assert ALIKE_WARNING not in ablations.notes


def test_with_the_baseline_in_params_no_line_shows_its_numbers_under_another_name(project: Path) -> None:
    write_params(project, model=PARAMS["model"] | {"kind": "wav2lip"})
    lines = [line for table in both_tables(project, "me") for line in table.lines]
    reasons = {line.name: line.reason for line in lines}
    assert reasons["A+P"] == reasons["this system, trained alike"] == OTHER_NETWORK
    assert reasons["Wav2Lip"] == NOT_RUN
    assert [line.name for line in lines if line.seeds] == ["this system"]


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("train", PARAMS["train"] | {"seed": 3}),  # each run has its own
        ("model", PARAMS["model"] | {"sources": "raw", "attributes": []}),  # the ablation sets both
        ("edit", {"yaw_deg": 9.0}),  # comes after what is run
    ],
)
def test_what_does_not_decide_a_run_leaves_it(project: Path, section: str, values: dict) -> None:
    name = experiment_name(project, "me", "A+P")
    write_params(project, **{section: values})
    assert experiment_name(project, "me", "A+P") == name


def test_without_params_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="project's folder"):
        experiment_name(tmp_path, "me", "A")
    (tmp_path / "params.yaml").write_text("train: {}\n")
    with pytest.raises(ParamsError, match="names no person"):
        list(run_ablations(tmp_path, ["A"], [0]))


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
    expected = [f"model.{key}={paper[key]}" for key in of_the_layout]
    assert reference[:-2] == ["model.attributes=[pose,emotion,blink]", *expected]


def test_without_its_profile_the_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="project's folder"):
        overrides(tmp_path, "wav2lip", 0)


def test_the_baselines_own_evaluation_is_not_called_this_system(project: Path) -> None:
    model = project / "models" / "me" / "generator"
    model.mkdir(parents=True)
    for kind, name in (("wav2lip", "Wav2Lip, evaluated last"), ("talkedit", "this system")):
        (model / "model.json").write_text(json.dumps({"params": {"model": {"kind": kind}}}))
        names = [line.name for line in both_tables(project, "me")[0].lines if line.seeds]
        assert names == [name]
