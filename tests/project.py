"""A copy of the project with numbers so small that its whole pipeline runs in a minute, as a newcomer's clone would."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from talkedit.closure import PROJECT_ROOT

COPIED = (
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "params.yaml",
    "profiles",
    "stages",
    "talkedit",
    "data/sources.yaml",
    "data/datasets",
)
TINY: dict[str, dict[str, Any]] = {
    # Two clips, and a further source moves neither to the other split.
    "segment": {"clip_s": 2.0, "min_clip_s": 2.0, "seed": 2},
    "model": {"image_px": 24, "width": 4, "max_width": 32, "embedding_dim": 16, "attention_px": [12]},
    "discriminator": {"n_steps": 4, "n_windows": 2, "log_every_n_steps": 2},
    "train": {"n_steps": 4, "n_windows": 1, "log_every_n_steps": 2},
    "loss": {"perceptual_net": "none", "ramp_start_step": 0, "ramp_steps": 1},
    "evaluate": {
        "max_clips": 1,
        "max_source_frames": 8,
        "n_pairs": 1,
        "sweep_clips": 1,
        "sweep_frames": 3,
        "pose_sweep_deg": [-6.0, 6.0],
        "openness_sweep": [0.2, 0.8],
        "sheet_rows": 1,
    },
    "edit": {"preset": "ultrafast"},
}


@dataclass(frozen=True)
class Project:
    """A project's folder, and how its user would run things in it."""

    folder: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in the folder, on this Python and the folder's own code; its output is kept."""
        bin_folder = str(Path(sys.executable).parent)
        environment = os.environ | {
            "PATH": os.pathsep.join([bin_folder, os.environ["PATH"]]),
            "PYTHONPATH": str(self.folder),
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "OMP_NUM_THREADS": "1",  # networks this small are slower on several cores
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def dvc(self, *arguments: str) -> str:
        """Runs DVC; returns what it wrote to both outputs."""
        done = self.run("python", "-m", "dvc", *arguments)
        return done.stdout + done.stderr

    def commit(self, message: str) -> None:
        """Commits everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def change(self, file: str, change: dict[str, Any]) -> None:
        """Updates a YAML file; the values of sections are merged."""
        path = self.folder / file
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in change.items():
            values[key] = values[key] | value if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    def copy(self, to: Path) -> "Project":
        """The same project with all its history and results, somewhere else."""
        shutil.copytree(self.folder, to, symlinks=True)
        return Project(to)


def make_project(folder: Path) -> Project:
    """The checkout's pipeline, tiny, with git and DVC, before its first run."""
    for name in COPIED:
        source, target = PROJECT_ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    project = Project(folder)
    project.change("params.yaml", TINY)
    project.run("git", "init", "--quiet")
    project.run("git", "config", "user.name", "Somebody")
    project.run("git", "config", "user.email", "somebody@example.org")
    project.dvc("init", "--quiet")
    project.commit("The pipeline, tiny")
    return project


def stages_run(output: str) -> list[str]:
    """The stages that DVC ran, from what it wrote."""
    words = [line.split("'") for line in output.splitlines() if line.startswith("Running stage ")]
    return [parts[1] for parts in words]
