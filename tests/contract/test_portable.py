"""Training runs from shards alone: on a machine with a GPU, torch and little else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from talkedit.closure import PACKAGE_ROOT, PROJECT_ROOT, import_closure

from .. import tiny
from ..train.runs import discriminator_params, loss_params, train_params
from . import source
from .test_layers import libraries

NEEDED = {"torch", "numpy", "lightning_fabric", "av", "safetensors", "pydantic", "yaml", "rich"}
BROUGHT_ALONG = {"fsspec"}  # lightning_fabric requires it
# Imported inside a function, by those who have them, for what the others do without.
OPTIONAL = {"h5py", "librosa", "platformdirs"}


def refused() -> set[str]:
    """Every library that some part of the package imports, and training does not need."""
    everything = set().union(*(libraries(source.imports(file)) for file in source.all_files()))
    return everything - NEEDED - BROUGHT_ALONG | {"dvc", "torchvision"}


def test_what_is_refused_is_what_a_gpu_machine_lacks() -> None:
    assert {"dvc", "dvclive", "dlib", "librosa", "cv2", "h5py", "pyarrow"} <= refused()


@pytest.mark.parametrize("file", sorted((PACKAGE_ROOT / "train").glob("*.py")), ids=lambda file: file.name)
def test_training_imports_few_libraries(file: Path) -> None:
    closure = import_closure(file)
    wrong = {
        source.shown(each): extra
        for each in closure
        if (extra := libraries(source.imports(each, at_top_only=True)) - NEEDED)
        or (extra := libraries(source.imports(each)) - NEEDED - BROUGHT_ALONG - OPTIONAL)
    }
    assert wrong == {}


def test_benchmarks_start_where_there_is_no_dvc_ffmpeg_or_dlib() -> None:
    missing = (
        "dvc",
        "dvclive",
        "ffmpeg",
        "dlib",
        "librosa",
        "webdataset",
        "c2pa",
        "ruamel",
        "scenedetect",
        "platformdirs",
    )
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); from talkedit.cli import main; main()"
    command = [sys.executable, "-c", code, "bench", "--help"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "loader" in done.stdout


def test_it_trains_with_nothing_else_installed(tiny_shards: Path, tmp_path: Path) -> None:
    params = [tiny.model_params(), discriminator_params(n_steps=2), train_params(n_steps=2), loss_params()]
    sections = json.dumps({section.section: section.model_dump() for section in params})
    script = Path(__file__).with_name("train_anywhere.py")
    command = [sys.executable, str(script), str(tiny_shards), str(tmp_path / "out"), ",".join(refused()), sections]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env={"PYTHONPATH": str(PROJECT_ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{'n_clips': 2, 'seconds': 1.6}"
    assert done.stderr.count("dvclive is not installed") == 1
