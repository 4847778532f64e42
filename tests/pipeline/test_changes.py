"""What DVC runs again after a change, and what is kept."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from talkedit.models.build import build_generator, build_patch_discriminator
from talkedit.train.artifact import CARD_FILE, WEIGHTS_FILE, load_model
from talkedit.train.checkpoint import Checkpoint

from ..films import remake
from ..project import TINY, Project, stages_run

pytestmark = pytest.mark.slow

N_STEPS = TINY["train"]["n_steps"]
GENERATOR = Path("models/sample/generator")
# One more step of training moves no weight further than this from 0 (Adam, learning rate 0.001 at most).
ONE_STEP = 0.002
TRAINED = (".weight", ".bias", ".gamma")


@pytest.fixture
def project(tiny_project: Project, tmp_path: Path) -> Project:
    return tiny_project.copy(tmp_path / "project")


def leave_a_state(folder: Path) -> None:
    """A killed run of the committed params, one step before its end, that had trained all weights to 0."""
    model = load_model(folder)
    networks = {"generator": build_generator(model.params), "average": build_generator(model.params)}
    with torch.no_grad():
        for parameter in (parameter for network in networks.values() for parameter in network.parameters()):
            parameter.zero_()
    critic = build_patch_discriminator(model.params)
    optimizers = {
        "optimizer": torch.optim.Adam(networks["generator"].parameters()),
        "image_discriminator_optimizer": torch.optim.Adam(critic.parameters()),
    }
    modules = {**networks, "image_discriminator": critic}
    Checkpoint(folder, model.card["run_key"], modules, optimizers).save(N_STEPS - 1)


def largest_weight(folder: Path) -> float:
    """Of what is trained; the norms' running statistics are not."""
    weights = {name: value for name, value in load_file(folder / WEIGHTS_FILE).items() if name.endswith(TRAINED)}
    return max(float(value.abs().max()) for value in weights.values())


def test_a_killed_run_of_the_same_params_goes_on(project: Project) -> None:
    """The control of the next test: a state that may be used is used."""
    leave_a_state(project.folder / GENERATOR)
    project.dvc("repro", "--force", "--single-item", "train_generator")
    assert largest_weight(project.folder / GENERATOR) < ONE_STEP


def test_an_ablation_reruns_what_depends_on_it_from_step_0(project: Project) -> None:
    leave_a_state(project.folder / GENERATOR)
    output = project.dvc("exp", "run", "-S", "loss.lambda_s=0.03")
    assert stages_run(output) == ["train_generator", "evaluate", "edit"]
    assert largest_weight(project.folder / GENERATOR) > 10 * ONE_STEP
    assert not (project.folder / "models/sample/.state/generator").exists()
    card = json.loads((project.folder / GENERATOR / CARD_FILE).read_text(encoding="utf-8"))
    assert card["params"]["loss"]["lambda_s"] == 0.03
    diff = json.loads(project.dvc("metrics", "diff", "--json"))
    assert abs(diff["reports/sample/train_generator.json"]["total"]["diff"]) > 0
    assert "reports/sample/evaluate.json" in diff
    assert "reports/sample/crop.json" not in diff


def test_another_source_leaves_the_crops_of_the_first_alone(
    project: Project, sample_clip: Path, tmp_path: Path
) -> None:
    crops = project.folder / "data" / "sample" / "crops"
    before = json.loads((crops / "manifest.json").read_text(encoding="utf-8"))
    written = {name: (crops / name).stat().st_mtime_ns for entry in before.values() for name in entry["files"]}
    assert len(written) == 4
    film = remake(sample_clip, tmp_path / "other.mp4", "-ss", "3", "-t", "2.5")
    add_source(project, "sample", "other", film)
    output = project.dvc("repro", "crop")
    assert stages_run(output) == ["download", "segment", "crop"]
    after = json.loads((crops / "manifest.json").read_text(encoding="utf-8"))
    assert set(after) == {*before, "other-0000"}
    assert {clip: after[clip] for clip in before} == before
    assert {name: (crops / name).stat().st_mtime_ns for name in written} == written


def test_a_second_person_lives_beside_the_first(project: Project, sample_clip: Path, tmp_path: Path) -> None:
    film = remake(sample_clip, tmp_path / "me.mp4", "-t", "2.5")
    add_source(project, "me", "me", film)
    project.change("params.yaml", {"person": "me"})
    first = (project.folder / GENERATOR / WEIGHTS_FILE).read_bytes()
    assert len(stages_run(project.dvc("repro"))) == 10
    assert (project.folder / GENERATOR / WEIGHTS_FILE).read_bytes() == first
    card = json.loads((project.folder / "models" / "me" / "generator" / CARD_FILE).read_text(encoding="utf-8"))
    assert card["person"] == "me"
    assert (project.folder / "reports" / "me" / "edit" / "edited.mp4").is_file()
    assert (project.folder / "reports" / "sample" / "edit" / "edited.mp4").is_file()
    status = project.run("git", "status", "--porcelain", "--untracked-files=all").stdout.split()
    assert not [name for name in status if name.endswith((".mp4", ".safetensors", ".wav", ".png", ".tar", ".npz"))]


def add_source(project: Project, person: str, source_id: str, film: Path) -> None:
    """As the README tells: a file of one's own, named in data/sources.yaml."""
    name = Path("data", "sources.yaml")
    listed = (project.folder / name).read_text(encoding="utf-8")
    people = [person] if f"\n{person}:" not in f"\n{listed}" else []
    lines = [*(f"{each}:" for each in people), f"  - id: {source_id}", f"    path: {film}", ""]
    (project.folder / name).write_text(listed.rstrip("\n") + "\n" + "\n".join(lines), encoding="utf-8")
