"""Finds the numbers of runs: those of the workspace, and those of DVC's experiments, which git keeps."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from talkedit.errors import TalkeditError

EXPERIMENTS = "refs/exps"
Scores = dict[str, float | None]


def git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it fails: there is no such commit or file, or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise TalkeditError("git is not found; install it: experiments and earlier numbers are kept in it") from error
    return done.stdout if done.returncode == 0 else None


def experiments(project: Path) -> dict[str, str]:
    """The refs of DVC's experiments by their names; of two with one name the later."""
    listed = git(project, "for-each-ref", "--sort=committerdate", "--format=%(refname)", EXPERIMENTS) or b""
    return {ref.rpartition("/")[2]: ref for ref in listed.decode().split() if ref.count("/") == 4}


def read_json(path: Path) -> dict[str, Any]:
    """A metrics file.

    Raises:
        TalkeditError: It is missing or damaged.
    """
    try:
        return _object(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TalkeditError(f"{path}: cannot be read; run `dvc repro evaluate`") from error


def read_committed(project: Path, revision: str, file: str) -> dict[str, Any] | None:
    """A metrics file as a commit has it; None where it has none."""
    content = git(project, "show", f"{revision}:./{file}")
    try:
        return None if content is None else _object(content)
    except ValueError:
        return None


def seeds_of(project: Path, person: str, experiment: str) -> list[Scores]:
    """The metrics of an ablation's seeds that were run, in the order of the seeds.

    Args:
        project: The project's folder.
        person: Whose metrics.
        experiment: What the runs are called but for the seed. Their commits carry the metrics of all persons that are
            in git: only the name says whose a run was.
    """
    seed_of, refs = re.compile(rf"{re.escape(experiment)}-s(\d+)"), {}
    for name, ref in experiments(project).items():
        if match := seed_of.fullmatch(name):
            refs[int(match[1])] = ref
    names = ("evaluate.json", "evaluate_details.json")
    found = [
        [read_committed(project, refs[seed], f"reports/{person}/{name}") for name in names] for seed in sorted(refs)
    ]
    return [self_scores(metrics | (details or {})) for metrics, details in found if metrics is not None]


def self_scores(metrics: dict[str, Any]) -> Scores:
    """The numbers of self-reconstruction, without the prefix."""
    return {key.removeprefix("self_"): value for key, value in metrics.items() if key.startswith("self_")}


def _object(content: bytes) -> dict[str, Any]:
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value
