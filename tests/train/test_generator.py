"""The generator's training, on networks so small that a whole run takes a second."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric.utilities.seed import max_seed_value
from pydantic import ValidationError
from torch import Tensor

from talkedit.errors import ModelError, TalkeditError
from talkedit.live import LiveCurves
from talkedit.models import losses
from talkedit.models.build import build_discriminator, build_eye_net, build_generator
from talkedit.models.discriminator import Distance
from talkedit.models.losses import LossParams
from talkedit.models.perceptual import Vgg16Features
from talkedit.shards.loader import Loader
from talkedit.shards.windows import Batch, Window, to_batch
from talkedit.train import generator as generator_training
from talkedit.train import loop
from talkedit.train.ahead import Ahead
from talkedit.train.artifact import WEIGHTS_FILE, load_model
from talkedit.train.curves import NoCurves
from talkedit.train.discriminator import train_discriminator
from talkedit.train.generator import Judges, LookedAt, choose_frames, draw_windows, train_generator
from talkedit.train.inputs import Inputs, make_inputs
from talkedit.train.loop import step_random
from talkedit.train.processes import Processes
from talkedit.train.realism import Adversary

from .. import tiny
from ..conftest import PROJECT_ROOT
from .runs import KeptCurves, discriminator_params, loss_params, train_params

MODEL = tiny.model_params()
ALL = LookedAt(torch.arange(10), 1 / 10)
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import torch
from talkedit.train import loop
from talkedit.train.ahead import Ahead
from tests.train.test_generator import train

torch.set_num_threads(1)
loop.CHECKPOINT_EVERY_S = -1.0
take = Ahead.take

def take_until_killed(self, step):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return take(self, step)

Ahead.take = take_until_killed
train(*map(Path, sys.argv[1:]))
"""


def train(shards: Path, judges: Path, out: Path, loss: LossParams | None = None) -> bytes:
    """A whole run; the bytes of its weights."""
    live = LiveCurves(out.with_name(f"{out.name}_live"))
    train_generator(shards, judges, out, live, "ann", MODEL, train_params(), loss or loss_params())
    return (out / WEIGHTS_FILE).read_bytes()


def curve(out: Path) -> list[int]:
    rows = (out.with_name(f"{out.name}_live") / "plots" / "metrics" / "total.tsv").read_text().splitlines()[1:]
    return [int(row.split("\t")[0]) for row in rows]


@pytest.fixture(scope="module")
def whole(tiny_shards: Path, judges_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a run that nothing disturbed."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole") / "generator"
    train(tiny_shards, judges_folder, out)
    return out


@pytest.fixture(scope="module")
def killed_run(tiny_shards: Path, judges_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that is killed before its fifth step."""
    folder = tmp_path_factory.mktemp("killed")
    arguments = [sys.executable, "-c", KILLED_RUN, str(tiny_shards), str(judges_folder), str(folder / "generator")]
    done = subprocess.run(arguments, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return folder


@pytest.fixture
def killed(killed_run: Path, tmp_path: Path) -> Path:
    """The same, to go on with: the model folder that is to be."""
    return shutil.copytree(killed_run, tmp_path / "killed") / "generator"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are trained from here on."""
    seen: list[int] = []
    take = Ahead.take

    def take_and_note(ahead: Ahead[Batch], step: int) -> Batch:
        seen.append(step)
        return take(ahead, step)

    monkeypatch.setattr(Ahead, "take", take_and_note)
    return seen


@pytest.mark.parametrize("sources", ["guided", "raw"])
@pytest.mark.parametrize("lambda_s", [0.1, 0.0])
def test_judged_windows_are_frames_in_a_row_and_guided_ones_have_one_source(
    tiny_shards: Path,
    judges_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sources: str,
    lambda_s: float,
) -> None:
    draw, asked, drawn = Loader.windows, [], []

    def draw_and_note(loader: Loader, step: int, **how: bool) -> list[Window]:
        asked.append(how)
        drawn.extend(draw(loader, step, **how))
        return drawn[-1:]

    monkeypatch.setattr(Loader, "windows", draw_and_note)
    model, loss = tiny.model_params(sources=sources), loss_params(ramp_start_step=2, lambda_s=lambda_s)
    train_generator(tiny_shards, judges_folder, tmp_path / "out", NoCurves(), "ann", model, train_params(), loss)
    judged = [step > 2 and lambda_s > 0 for step in range(6)]
    assert [how["in_a_row"] for how in asked] == judged
    n_sources = [len(window.source.unique()) for window in drawn]
    assert n_sources == [1 if each and sources == "guided" else 5 for each in judged]


def test_a_killed_run_leaves_its_state_and_no_model(killed: Path) -> None:
    assert not killed.exists()
    assert (killed.parent / ".state" / "generator" / "state.safetensors").is_file()
    assert curve(killed) == [2, 4]


def test_it_goes_on_to_the_weights_of_one_that_was_not_killed(
    tiny_shards: Path, judges_folder: Path, whole: Path, killed: Path, steps: list[int]
) -> None:
    assert train(tiny_shards, judges_folder, killed) == (whole / WEIGHTS_FILE).read_bytes()
    assert steps == [4, 5]
    assert curve(killed) == curve(whole) == [2, 4, 6]
    assert not (killed.parent / ".state" / "generator").exists()


@pytest.mark.parametrize(("last_state", "stop_at"), [(1, 1), (2, 3), (1, 5), (5, 5)])
def test_a_run_stopped_anywhere_goes_on_from_its_last_state_to_the_same_weights(
    tiny_shards: Path,
    judges_folder: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last_state: int,
    stop_at: int,
) -> None:
    take, out = Ahead.take, tmp_path / "generator"

    def take_until_stopped(ahead: Ahead[Batch], step: int) -> Batch:
        if step == stop_at:
            raise KeyboardInterrupt
        monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0 if step + 1 == last_state else 1e9)
        return take(ahead, step)

    monkeypatch.setattr(Ahead, "take", take_until_stopped)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_shards, judges_folder, out)
    taken: list[int] = []
    monkeypatch.setattr(Ahead, "take", lambda ahead, step: taken.append(step) or take(ahead, step))
    assert train(tiny_shards, judges_folder, out) == (whole / WEIGHTS_FILE).read_bytes()
    assert taken == list(range(last_state, 6))


def test_another_lambda_does_not_go_on_from_a_killed_run(
    tiny_shards: Path, judges_folder: Path, whole: Path, killed: Path, tmp_path: Path, steps: list[int]
) -> None:
    other = loss_params(lambda_s=0.03)
    ablation = train(tiny_shards, judges_folder, killed, other)
    assert steps == [0, 1, 2, 3, 4, 5]
    assert ablation == train(tiny_shards, judges_folder, tmp_path / "fresh", other)
    assert ablation != (whole / WEIGHTS_FILE).read_bytes()


def test_other_shards_do_not_go_on_from_a_killed_run(
    judges_folder: Path, killed: Path, tmp_path: Path, steps: list[int]
) -> None:
    one, _, three = tiny.corpus()
    shards = tiny.write_shards(tmp_path / "shards", [one, tiny.make_sample("two", "train", 20), three])
    train(shards, judges_folder, killed)
    assert steps == [0, 1, 2, 3, 4, 5]


def test_the_model_folder_says_what_made_it(whole: Path, tiny_shards: Path) -> None:
    model = load_model(whole)
    assert model.params == MODEL
    assert model.card["person"] == "ann"
    assert model.card["params"] == {
        "model": MODEL.model_dump(),
        "train": train_params().model_dump(),
        "loss": loss_params().model_dump(),
    }
    assert model.card["data"] == {"n_clips": 2, "seconds": 1.6}
    assert model.who is not None
    assert model.who.tolist() == tiny.WHO
    assert {**model.preparation, "who": tiny.WHO} == json.loads((tiny_shards / "preparation.json").read_text())
    yaw = np.concatenate([sample.attributes.pose_deg[:, 0] for sample in tiny.corpus()[:2]])
    assert model.ranges["yaw_deg"] == pytest.approx((yaw.min(), yaw.max()), abs=1e-3)
    n_weights = sum(parameter.numel() for parameter in model.generator.parameters())
    assert model.card["n_parameters"] == n_weights


@pytest.mark.parametrize(
    ("distance", "changes"),
    [
        ("cosine", tiny.WAV2LIP),
        ("l2", {"sources": "raw", "attributes": []}),
        ("l2", {"sources": "raw", "attributes": ["pose", "emotion"]}),
    ],
)
def test_the_baseline_and_the_ablations_are_trained_by_the_same_stages(
    tiny_shards: Path, tmp_path: Path, distance: Distance, changes: dict[str, object]
) -> None:
    model, judges = tiny.model_params(**changes), tmp_path / "judges"
    train_discriminator(tiny_shards, judges, NoCurves(), model, discriminator_params(n_steps=1, distance=distance))
    curves = KeptCurves()
    params = train_params(n_steps=2, log_every_n_steps=1)
    train_generator(tiny_shards, judges, tmp_path / "generator", curves, "ann", model, params, loss_params())
    assert all(loss > 0 for _, loss in curves.of("l1") + curves.of("s")[1:])
    assert all((loss > 0) == ("blink" in model.attributes) for _, loss in curves.of("b")[1:])
    trained = load_model(tmp_path / "generator")
    assert trained.params == model
    assert list(trained.generator.codes) == model.attributes
    assert trained.lips is None


def test_judges_of_another_size_are_refused(tiny_shards: Path, judges_folder: Path, tmp_path: Path) -> None:
    other = tiny.model_params(embedding_dim=16)
    with pytest.raises(ModelError, match=r"discriminator\.safetensors: is of a network of another shape"):
        train_generator(
            tiny_shards, judges_folder, tmp_path / "g", NoCurves(), "ann", other, train_params(), loss_params()
        )


def test_speech_that_is_no_number_ends_the_run_and_names_the_clips(judges_folder: Path, tmp_path: Path) -> None:
    train_clip, _, validation_clip = tiny.corpus()
    damaged = dataclasses.replace(train_clip, clip_id="broken", mel=np.full_like(train_clip.mel, np.nan))
    shards = tiny.write_shards(tmp_path / "shards", [damaged, validation_clip])
    with pytest.raises(TalkeditError, match=r"a loss is not finite at step 0 .* on broken:\d+; look"):
        train(shards, judges_folder, tmp_path / "generator")
    assert not (tmp_path / "generator").exists()


def test_a_gradient_that_is_no_number_ends_the_run_before_it_gets_into_the_weights(
    tiny_shards: Path, judges_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flat(prediction: Tensor, *_: object) -> Tensor:
        return (prediction - prediction.detach()).abs().sqrt().mean()  # 0, and infinitely steep

    monkeypatch.setattr(losses, "l1", flat)
    with pytest.raises(TalkeditError, match=r"the gradient is not finite at step 0 .* on (one|two):\d+; look"):
        train(tiny_shards, judges_folder, tmp_path / "generator", loss_params(lambda_s=0.0, lambda_b=0.0))
    assert not (tmp_path / "generator").exists()


def test_it_learns(tiny_shards: Path) -> None:
    torch.manual_seed(0)
    inputs, generator = some_inputs(tiny_shards), build_generator(MODEL)
    optimizer = torch.optim.Adam(generator.parameters(), 3e-3)

    def step() -> float:
        optimizer.zero_grad()
        drawn = draw_windows(generator, inputs)
        loss = losses.l1(drawn.flatten(0, 1), inputs.truth.flatten(0, 1), inputs.mask + 0.1)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    first = step()
    assert [step() for _ in range(60)][-1] < 0.6 * first


def some_inputs(shards: Path) -> Inputs:
    with Loader(shards, "train", MODEL.image_px, n_frames=5, n_windows=2, seed=0) as loader:
        return make_inputs(to_batch(loader.windows(0)), MODEL)


@pytest.fixture
def judges() -> Judges:
    torch.manual_seed(0)
    vgg = Vgg16Features(1, [0.5] * 3, [2.0] * 3, bgr_255=False)
    return Judges(build_discriminator(MODEL), build_eye_net(MODEL), vgg)


def test_the_judges_are_not_changed_by_what_they_judge(tiny_shards: Path, judges: Judges) -> None:
    before = {name: value.clone() for name, value in judges.state_dict().items()}
    generator, inputs, params = build_generator(MODEL), some_inputs(tiny_shards), loss_params()
    optimizer = torch.optim.Adam(generator.parameters(), 0.1)
    weights = [parameter.clone() for parameter in generator.parameters()]
    for step in (1, 2):
        terms = judges.terms(draw_windows(generator, inputs), inputs, params, step, ALL)
        optimizer.zero_grad()
        losses.total(terms | {"g": torch.zeros(())}, params, step).backward()
        optimizer.step()
    assert any(not torch.equal(a, b) for a, b in zip(weights, generator.parameters(), strict=True))
    torch.testing.assert_close(dict(judges.state_dict()), before, atol=0, rtol=0)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in judges.parameters())
    assert not any(module.training for module in judges.modules())


def test_without_eyes_and_features_their_terms_are_nothing(tiny_shards: Path) -> None:
    inputs = some_inputs(tiny_shards)
    terms = Judges(build_discriminator(MODEL), None, None).terms(inputs.truth / 2, inputs, loss_params(), 1, ALL)
    assert {name for name, term in terms.items() if term} == {"l1", "s"}


@pytest.mark.parametrize("term", ["l1", "v", "s", "b"])
def test_every_term_has_a_gradient_in_the_drawing(tiny_shards: Path, judges: Judges, term: str) -> None:
    inputs = some_inputs(tiny_shards)
    drawn = torch.rand_like(inputs.truth).requires_grad_()
    judges.terms(drawn, inputs, loss_params(), 1, ALL)[term].backward()
    assert drawn.grad is not None
    inside = drawn.grad * inputs.mask
    assert torch.isfinite(drawn.grad).all()
    assert inside.abs().max() > 0
    if term != "l1":  # the others see the target's own ring around the head
        assert torch.equal(inside, drawn.grad)


def test_the_truth_itself_costs_nothing_but_what_the_discriminator_says(tiny_shards: Path, judges: Judges) -> None:
    inputs = some_inputs(tiny_shards)
    terms = judges.terms(inputs.truth, inputs, loss_params(), 1, ALL)
    assert [float(terms[name]) for name in ("l1", "v", "b")] == [0, 0, 0]
    assert float(terms["s"]) > 0


@pytest.mark.parametrize(
    ("changes", "step", "counted"),
    [
        ({}, 1, {"l1", "v", "s", "b"}),
        ({}, 0, {"l1", "v"}),  # the ramp starts after step 0
        ({"lambda_v": 0.0}, 1, {"l1", "s", "b"}),
        ({"lambda_s": 0.0}, 1, {"l1", "v", "b"}),
        ({"lambda_b": 0.0}, 1, {"l1", "v", "s"}),
    ],
)
def test_a_term_that_counts_nothing_is_not_computed(
    tiny_shards: Path, judges: Judges, changes: dict[str, float], step: int, counted: set[str]
) -> None:
    inputs = some_inputs(tiny_shards)
    terms = judges.terms(torch.rand_like(inputs.truth), inputs, loss_params(**changes), step, ALL)
    assert set(terms) == {"l1", "v", "s", "b"}
    assert {name for name, term in terms.items() if float(term) > 0} == counted


def test_the_perceptual_term_looks_at_the_chosen_frames_alone(tiny_shards: Path, judges: Judges) -> None:
    inputs = some_inputs(tiny_shards)
    drawn = torch.rand_like(inputs.truth).requires_grad_()
    judges.terms(drawn, inputs, loss_params(), 1, LookedAt(torch.tensor([1, 7]), 1 / 2))["v"].backward()
    assert drawn.grad is not None
    assert drawn.grad.flatten(0, 1).abs().amax(dim=(1, 2, 3)).nonzero().flatten().tolist() == [1, 7]


def test_frames_are_chosen_by_seed_and_step() -> None:
    def chosen(seed: int, step: int) -> list[int]:
        looked_at = choose_frames(10, 0.2, step_random(seed, step))
        assert looked_at.weight == 1 / 2
        return looked_at.frames.tolist()

    assert len(chosen(0, 0)) == 2
    assert chosen(0, 0) == chosen(0, 0)
    assert len({tuple(chosen(0, step)) for step in range(6)}) > 1
    assert [chosen(1, step) for step in range(6)] != [chosen(0, step + 1) for step in range(6)]


def test_processes_choose_frames_together() -> None:
    alone = choose_frames(12, 0.25, step_random(0, 1))
    parts = [choose_frames(4, 0.25, step_random(0, 1), Processes(rank, 3)) for rank in range(3)]
    together = [frame + 4 * rank for rank, part in enumerate(parts) for frame in part.frames.tolist()]
    assert sorted(together) == sorted(alone.frames.tolist())
    assert len(together) == 3
    assert [part.weight for part in parts] == [1, 1, 1]  # the mean over three processes of a sum of three is theirs


def test_a_seed_is_one_that_lightning_takes() -> None:
    assert train_params(seed=max_seed_value).seed == max_seed_value
    with pytest.raises(ValidationError, match="less than or equal to 4294967295"):
        train_params(seed=max_seed_value + 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"ramp_start_step": 6},
            "lambda_s, lambda_b, lambda_g never count: loss.ramp_start_step is 6, train.n_steps 6",
        ),
        ({"ramp_start_step": 6, "lambda_b": 0.0, "lambda_g": 0.0}, "lambda_s never count: "),
        ({"ramp_start_step": 6, "lambda_s": 0.0, "lambda_b": 0.0, "lambda_g": 0.0}, ""),
        ({}, ""),
    ],
)
def test_weights_that_never_count_are_named(
    tiny_shards: Path,
    judges_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, float],
    said: str,
) -> None:
    train(tiny_shards, judges_folder, tmp_path / "out", loss_params(**changes))
    told = capsys.readouterr().err
    assert said in told
    assert ("never count" in told) == bool(said)


def test_a_term_that_is_off_asks_for_no_weights(judges_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(generator_training, "load_vgg", asked.append)
    for lambda_v in (0.0, 0.02):
        generator_training._load_judges(
            judges_folder, MODEL, loss_params(lambda_v=lambda_v, perceptual_net="vgg16_hed")
        )
    assert asked == ["none", "vgg16_hed"]


def test_a_blink_term_without_blinks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for attributes, said in ((["pose"], "lambda_b never counts: model.attributes leaves out blink\n"), (["blink"], "")):
        model = tiny.model_params(attributes=attributes, sources="raw")
        generator_training._say_what_never_counts(model, train_params(), loss_params())
        assert capsys.readouterr().err == said


def test_the_image_discriminator_learns_at_the_generators_rate(
    tiny_shards: Path, judges_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[dict[str, float]] = []
    learn = Adversary.learn

    def noted(adversary: Adversary, *rest: Any) -> Tensor:
        rates.append({name: each.param_groups[0]["lr"] for name, each in seen[0].optimizers.items()})
        return learn(adversary, *rest)

    seen: list[Any] = []
    begin = generator_training._Training.__init__
    monkeypatch.setattr(
        generator_training._Training, "__init__", lambda self, *rest: seen.append(self) or begin(self, *rest)
    )
    monkeypatch.setattr(Adversary, "learn", noted)
    train(tiny_shards, judges_folder, tmp_path / "out", loss_params())
    assert len(rates) > 2
    assert all(len(set(each.values())) == 1 and len(each) == 2 for each in rates)
    assert len({each["optimizer"] for each in rates}) > 1  # it warms up and falls
