"""The paper's ablations and its baseline as DVC experiments, one a seed; those that are there are not run again."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from talkedit.errors import ParamsError, TalkeditError
from talkedit.report.runs import experiments

BASELINE, PROFILE = "wav2lip", "profiles/wav2lip.yaml"
ABLATIONS: dict[str, list[str]] = {
    "A": [],
    "A+P": ["pose"],
    "A+P+E": ["pose", "emotion"],
    "A+P+E+B": ["pose", "emotion", "blink"],
}
# The paper's way of drawing and its channels, at the size and with the training of params.yaml: what this project's
# own network is held against.
REFERENCE = "reference"
REFERENCE_MODEL = {"sources": "raw", "max_width": 512, "decoder_ratio": 4, "embedding_dim": 512}
# This project's own network as params.yaml has it: what the others, on the same images, are compared with.
OWN = "talkedit"
RUNS = (OWN, *ABLATIONS, BASELINE, REFERENCE)
TARGET = "evaluate"


def experiment_name(which: str, seed: int) -> str:
    """What DVC calls an ablation's run, such as ``ablation-a-p-s0``."""
    return f"ablation-{which.lower().replace('+', '-')}-s{seed}"


def overrides(project: Path, which: str, seed: int) -> list[str]:
    """What is set in params.yaml for a run, as DVC takes it.

    Raises:
        ParamsError: The baseline's profile cannot be read.
    """
    seeds = [f"train.seed={seed}", f"discriminator.seed={seed}"]
    if which == OWN:
        return seeds
    if which == BASELINE:
        return [*_flat(_profile(project / PROFILE)), *seeds]
    if which == REFERENCE:
        return [*_flat({"model": REFERENCE_MODEL}), *seeds]
    return [f"model.attributes=[{','.join(ABLATIONS[which])}]", "model.sources=raw", *seeds]


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
    """
    for seed in seeds:
        for one in which:
            name = experiment_name(one, seed)
            if name in experiments(project):
                yield f"{name}: is there"
                continue
            sets = [word for override in overrides(project, one, seed) for word in ("-S", override)]
            command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", name, *sets, TARGET]
            done = subprocess.run(command, cwd=project, check=False)  # noqa: S603 (names and numbers of this file)
            if done.returncode:
                raise TalkeditError(f"{name}: `dvc exp run` ended with {done.returncode}; see above, then run it again")
            yield f"{name}: done"


def _profile(path: Path) -> dict[str, Any]:
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read; run from the project's folder") from error
    if not isinstance(sections, dict) or not all(isinstance(values, dict) for values in sections.values()):
        raise ParamsError(f"{path}: should hold sections of params; take the one of the repository")
    return sections


def _flat(sections: dict[str, Any]) -> list[str]:
    return [f"{section}.{key}={_value(value)}" for section, values in sections.items() for key, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value)
