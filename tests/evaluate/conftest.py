"""What is examined: the held-out clip of the sample, cropped and measured by the real pipeline."""

from pathlib import Path

import pytest

from talkedit.evaluate.settings import EvaluateParams
from talkedit.evaluate.systems import SystemParams
from talkedit.shards.index import read_samples
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel, load_model

from ..project import Project


@pytest.fixture(scope="session")
def shards(tiny_project: Project) -> Path:
    return tiny_project.folder / "data" / "sample" / "shards"


@pytest.fixture(scope="session")
def held_out(shards: Path) -> Sample:
    (sample,) = read_samples(shards, "validation")
    return sample


@pytest.fixture(scope="session")
def judges(tiny_project: Project) -> Path:
    return tiny_project.folder / "models" / "sample" / "discriminator"


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> TrainedModel:
    return load_model(tiny_model)


@pytest.fixture(scope="session")
def evaluate_params() -> EvaluateParams:
    return EvaluateParams(
        n_pairs=1,
        seed=0,
        sync="own",
        max_clips=1,
        max_source_frames=8,
        sweep_clips=1,
        sweep_frames=4,
        pose_sweep_deg=[-8.0, 8.0],
        openness_sweep=[0.2, 0.8],
        sheet_rows=2,
        systems={"EAMM": SystemParams(folder=None, reason="no usable release")},
    )
