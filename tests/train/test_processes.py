"""Two processes that share each step train what one process trains."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from talkedit.train.artifact import WEIGHTS_FILE
from talkedit.train.judges import DISCRIMINATOR_FILE, EYES_FILE, LIPS_FILE

from .. import tiny
from ..conftest import PROJECT_ROOT
from . import joint_judges, joint_run
from .runs import discriminator_params, loss_params, train_params

SECTIONS = {
    section.section: section.model_dump()
    for section in (
        tiny.model_params(),
        discriminator_params(n_steps=4, n_windows=4, log_every_n_steps=1, learning_rate=0.1),
        train_params(n_steps=4, n_windows=2, log_every_n_steps=1, learning_rate=0.1),
        loss_params(lambda_g=1e-3),
    )
}
# Of float32, in another order of summing; each step of the image discriminator, and the generator's after it, add more.
LAST_DIGITS = 1e-4
PACE = {"images_per_s", "data_wait_share"}


def run_in_two_processes(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", module]
    command += arguments
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr


def same_losses(file: Path, alone: list[tuple[int, dict[str, float]]]) -> None:
    """Holds what two processes wrote against the points of one."""
    two = json.loads(file.read_text())
    assert [step for step, _ in two] == [step for step, _ in alone] == [1, 2, 3, 4]
    for (_, ours), (_, theirs) in zip(two, alone, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - PACE:
            torch.testing.assert_close(ours[name], theirs[name], rtol=LAST_DIGITS, atol=LAST_DIGITS)


def same_weights(*files: Path) -> None:
    weights, expected = map(load_file, files)
    torch.testing.assert_close(weights, expected, rtol=LAST_DIGITS, atol=LAST_DIGITS)


def test_two_processes_give_the_losses_and_the_weights_of_one(
    tiny_shards: Path, judges_folder: Path, tmp_path: Path
) -> None:
    alone = joint_run.run(tiny_shards, judges_folder, tmp_path / "alone", SECTIONS)
    folders = [tiny_shards, judges_folder, tmp_path / "two", tmp_path / "losses.json"]
    run_in_two_processes("tests.train.joint_run", *map(str, folders), json.dumps(SECTIONS))

    same_losses(tmp_path / "losses.json", alone)
    same_weights(*(tmp_path / name / WEIGHTS_FILE for name in ("two", "alone")))
    assert alone[0][1]["total"] != alone[3][1]["total"]


def test_two_processes_train_the_judges_that_one_trains(tiny_shards: Path, tmp_path: Path) -> None:
    alone = joint_judges.run(tiny_shards, tmp_path / "alone", SECTIONS)
    folders = [tiny_shards, tmp_path / "two", tmp_path / "losses.json"]
    run_in_two_processes("tests.train.joint_judges", *map(str, folders), json.dumps(SECTIONS))

    same_losses(tmp_path / "losses.json", alone)
    for file in (DISCRIMINATOR_FILE, EYES_FILE, LIPS_FILE):
        same_weights(*(tmp_path / name / file for name in ("two", "alone")))
    assert alone[0][1]["pose_loss"] != alone[3][1]["pose_loss"]


def test_a_process_of_one_window_still_has_a_batch_that_is_learnt_by_heart(tiny_shards: Path, tmp_path: Path) -> None:
    params = discriminator_params(n_steps=2, n_windows=2, gate_steps=2).model_dump()
    arguments = [tiny_shards, tmp_path / "judges", tmp_path / "losses.json"]
    run_in_two_processes(
        "tests.train.joint_judges", *map(str, arguments), json.dumps({**SECTIONS, "discriminator": params})
    )
    assert (tmp_path / "judges" / DISCRIMINATOR_FILE).is_file()
