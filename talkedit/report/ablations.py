"""The paper's ablations and its baseline as DVC experiments, one a seed; those that are there are not run again.

An experiment's name has a hash of whose it is and of all params that decide it: other numbers are another experiment,
and git keeps both. Other footage of the same person, or other code, is not told apart.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from talkedit.errors import ParamsError, TalkeditError
from talkedit.evaluate.settings import EvaluateParams
from talkedit.evaluate.systems import OutsideSystem
from talkedit.params import load_section
from talkedit.report.overrides import folder_override, override
from talkedit.report.runs import experiments

BASELINE, PROFILE = "wav2lip", "profiles/wav2lip.yaml"
ABLATIONS: dict[str, list[str]] = {
    "A": [],
    "A+P": ["pose"],
    "A+P+E": ["pose", "emotion"],
    "A+P+E+B": ["pose", "emotion", "blink"],
}
# The paper's way of drawing, what it tells its generator and its channels, at the size and with the training of
# params.yaml: what this project's own network is held against.
REFERENCE = "reference"
REFERENCE_MODEL = {
    "attributes": ABLATIONS["A+P+E+B"],
    "sources": "raw",
    "max_width": 512,
    "decoder_ratio": 4,
    "embedding_dim": 512,
}
# This project's own network as params.yaml has it: what the others, on the same images, are compared with.
OWN = "talkedit"
RUNS = (OWN, *ABLATIONS, BASELINE, REFERENCE)
TARGET = "evaluate"


def experiment_name(project: Path, person: str, which: str) -> str:
    """What DVC calls an ablation's runs, such as ``ablation-a-p-1f2e3d4c``; ``-s0`` and so on follow for the seeds.

    Raises:
        ParamsError: params.yaml cannot be read, or as `switches`.
    """
    params: dict[str, Any] = {**read_params(project), "person": person}
    params.pop("edit", None)  # comes after the target
    for section, values in (*switches(project, which).items(), *_seeds(0).items()):
        params[section] = params.get(section, {}) | values
    decided = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:8]
    return f"ablation-{which.lower().replace('+', '-')}-{decided}"


def read_params(project: Path) -> dict[str, Any]:
    """The sections of the project's params.yaml, and whose it is, unchecked: the stages check their own.

    Raises:
        ParamsError: It cannot be read, or names no person.
    """
    params = _read(project / "params.yaml")
    if not isinstance(params.get("person"), str):
        raise ParamsError(f"{project / 'params.yaml'}: names no person; take the one of the repository")
    return params


def switches(project: Path, which: str) -> dict[str, dict[str, Any]]:
    """What makes a run the one that it is called, by section of params.yaml; its other numbers are those of the file.

    Raises:
        ParamsError: The baseline's profile cannot be read, or params.yaml holds the baseline and another is asked for.
    """
    if which == BASELINE:
        return _read(project / PROFILE)
    if holds_baseline(project):
        raise ParamsError(
            f"{project / 'params.yaml'}: model.kind is not {OWN}, and {which} would be the baseline under another "
            "name; go back with `git checkout params.yaml` and lay your other profiles over it again"
        )
    if which == OWN:
        return {}
    if which == REFERENCE:
        return {"model": REFERENCE_MODEL}
    return {"model": {"attributes": ABLATIONS[which], "sources": "raw"}}


def holds_baseline(project: Path) -> bool:
    """Whether params.yaml has another network than this project's: the baseline's profile was laid over it.

    Raises:
        ParamsError: As `read_params`.
    """
    return read_params(project).get("model", {}).get("kind", OWN) != OWN


def overrides(project: Path, which: str, seed: int) -> list[str]:
    """What is set in params.yaml for a run, as DVC takes it.

    Raises:
        ParamsError: As `switches` and `folder_overrides`.
    """
    return [*_flat(switches(project, which)), *_flat(_seeds(seed)), *folder_overrides(project)]


def folder_overrides(project: Path) -> list[str]:
    """Folders of outside systems as absolute paths: a run is in a folder aside, which has only what git has.

    Raises:
        ParamsError: The section evaluate is refused, a folder has no usable manifest, or DVC cannot be told of it.
    """
    found = []
    for name, system in load_section(project / "params.yaml", EvaluateParams).systems.items():
        if system.folder is None:
            continue
        folder = (project / system.folder).absolute()
        OutsideSystem(name, folder)  # what is wrong with it would end the run after the training
        if Path(system.folder).is_absolute():
            continue
        setting = folder_override(name, str(folder))
        if setting is None:
            raise ParamsError(
                f"evaluate.systems: DVC cannot set the folder of {name!r}, which has more than letters, digits, _ and "
                f"-; put the absolute path {folder} into params.yaml"
            )
        found.append(setting)
    return found


def run_ablations(project: Path, which: list[str], seeds: list[int]) -> Iterator[str]:
    """Runs what is missing, one after the other, in a folder aside; the workspace stays as it is.

    Args:
        project: The project's folder, a git repository.
        which: Some of `RUNS`.
        seeds: Of each.

    Yields:
        A line about each run.

    Raises:
        TalkeditError: A run failed; those before it are kept.
        ParamsError: As `experiment_name` and `overrides`, of any run before the first.
    """
    for one in which:
        experiment_name(project, read_params(project)["person"], one)
        overrides(project, one, 0)
    for seed in seeds:
        for one in which:
            name = f"{experiment_name(project, read_params(project)['person'], one)}-s{seed}"
            if name in experiments(project):
                yield f"{name}: is there"
                continue
            sets = [word for setting in overrides(project, one, seed) for word in ("-S", setting)]
            command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", name, *sets, TARGET]
            done = subprocess.run(command, cwd=project, check=False)  # noqa: S603 (words, no shell)
            if done.returncode:
                raise TalkeditError(f"{name}: `dvc exp run` ended with {done.returncode}; see above, then run it again")
            yield f"{name}: done"


def _read(path: Path) -> dict[str, Any]:
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read; run from the project's folder") from error
    if not isinstance(sections, dict) or not all(
        isinstance(sections[name], dict) for name in sections.keys() - {"person"}
    ):
        raise ParamsError(f"{path}: should hold sections of params; take the one of the repository")
    return sections


def _seeds(seed: int) -> dict[str, dict[str, Any]]:
    return {"train": {"seed": seed}, "discriminator": {"seed": seed}}


def _flat(sections: dict[str, Any]) -> list[str]:
    return [override(section, key, value) for section, values in sections.items() for key, value in values.items()]
