"""Runs in a folder aside find what lies beside the project, and what would end them late ends them at once."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from talkedit.errors import ParamsError
from talkedit.report import ablations, commands
from talkedit.report.ablations import experiment_name, overrides, run_ablations, switches

from .test_runs import PARAMS, PROJECT_ROOT, git, write_params

EVALUATE = PARAMS["evaluate"]
# Stands for the stage: it takes the manifest from where params.yaml says.
STAGE = """
import pathlib, yaml
system = yaml.safe_load(open("params.yaml"))["evaluate"]["systems"]["P-C"]
pathlib.Path("found.json").write_text((pathlib.Path(system["folder"]) / "manifest.json").read_text())
"""


def with_systems(**folders: str) -> dict[str, Any]:
    """The section evaluate with results of these outside systems."""
    systems = {name: {"folder": folder, "reason": None} for name, folder in folders.items()}
    return EVALUATE | {"systems": EVALUATE["systems"] | systems}


def make_results(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"kind": "crop", "videos": {}}))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    write_params(tmp_path / "project")
    return tmp_path / "project"


def test_folders_of_outside_systems_are_set_to_where_they_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_results(project.parent / "results")
    make_results(project / "it's")
    write_params(project, evaluate=with_systems(Other="../results", **{"P-C": "it's"}))
    expected = [
        f"evaluate.systems.Other.folder='{project}/../results'",
        f"evaluate.systems.P-C.folder='{project}/it\\'s'",
    ]
    assert overrides(project, "A", 0)[-2:] == expected
    monkeypatch.chdir(project)
    assert overrides(Path(), "A", 0)[-2:] == expected
    write_params(project, evaluate=with_systems(**{"P C": "it's"}))
    with pytest.raises(ParamsError, match=r"put the absolute path .*it's into params"):
        overrides(project, "A", 0)


def test_a_folder_that_is_absolute_stays(project: Path) -> None:
    write_params(project, evaluate=with_systems(**{"it's": str(make_results(project.parent / "results"))}))
    assert overrides(project, "A", 0)[-1] == "discriminator.seed=0"


def test_where_the_results_lie_on_this_machine_is_no_part_of_a_name(project: Path) -> None:
    make_results(project / "results")
    write_params(project, evaluate=with_systems(Other="results"))
    copy = project.parent / "copy"
    copy.mkdir()
    (copy / "params.yaml").write_bytes((project / "params.yaml").read_bytes())
    assert experiment_name(copy, "me", "A") == experiment_name(project, "me", "A")


@pytest.mark.parametrize(
    ("name", "made", "message"),
    [
        ("Other", False, r"evaluate\.systems\.Other\.folder: .*manifest\.json cannot be used"),
        ("it's", True, r"cannot set the folder of \"it's\".* put the absolute path .*results into params\.yaml"),
    ],
)
def test_results_that_a_run_could_not_use_end_it_before_its_training(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, made: bool, message: str
) -> None:
    if made:
        make_results(project / "results")
    write_params(project, evaluate=with_systems(**{name: "results"}))
    started: list[object] = []
    monkeypatch.setattr(ablations.subprocess, "run", lambda *command, **_: started.append(command))
    with pytest.raises(ParamsError, match=message):
        list(run_ablations(project, ["A"], [0]))
    assert started == []


def test_a_run_in_a_folder_aside_finds_results_that_git_does_not_have(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_results(project.parent / "results")
    write_params(project, evaluate=with_systems(**{"P-C": "../results"}))
    (project / "stage.py").write_text(STAGE)
    stage = {"cmd": f"{sys.executable} stage.py", "params": ["evaluate"], "metrics": [{"found.json": {"cache": False}}]}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"evaluate": stage}}))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    git(project, "init", "--quiet")
    git(project, "config", "user.name", "Me")
    git(project, "config", "user.email", "me@example.org")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=project, check=True)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "all")
    (line,) = run_ablations(project, ["A"], [0])
    name = experiment_name(project, "me", "A")
    assert line == f"{name}-s0: done"
    assert list(run_ablations(project, ["A"], [0])) == [f"{name}-s0: is there"]


@pytest.mark.parametrize("which", ["talkedit", "A", "A+P+E+B", "reference"])
def test_with_the_baseline_in_params_nothing_else_is_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Not even the baseline before it: what cannot be run is said at once."""
    shutil.copytree(PROJECT_ROOT / "profiles", project / "profiles")
    write_params(project, model=PARAMS["model"] | {"kind": "wav2lip"})
    started: list[object] = []
    monkeypatch.setattr(ablations.subprocess, "run", lambda *command, **_: started.append(command))
    with pytest.raises(ParamsError, match=rf"and {re.escape(which)} would be the baseline .*git checkout params\.yaml"):
        list(run_ablations(project, ["wav2lip", which], [0]))
    assert started == []


@pytest.mark.parametrize("seeds", ["4294967296", "0,-1", "one", ""])
def test_a_seed_that_training_would_refuse_is_refused_before_the_first_run(
    seeds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablations, "run_ablations", lambda *_: pytest.fail("it ran"))
    with pytest.raises(ParamsError, match=r"numbers below 4294967296 with commas between"):
        commands.ablations(seeds)


def test_the_baseline_is_the_same_run_whether_its_profile_lies_over_params_or_not(project: Path) -> None:
    shutil.copytree(PROJECT_ROOT / "profiles", project / "profiles")
    name = experiment_name(project, "me", "wav2lip")
    write_params(project, **{key: PARAMS.get(key, {}) | values for key, values in switches(project, "wav2lip").items()})
    assert experiment_name(project, "me", "wav2lip") == name


def test_the_reference_is_told_all_that_the_paper_s_is(project: Path) -> None:
    name = experiment_name(project, "me", "reference")
    write_params(project, model=PARAMS["model"] | {"attributes": ["pose"]})
    assert experiment_name(project, "me", "reference") == name
