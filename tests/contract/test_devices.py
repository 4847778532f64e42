"""On a GPU nothing meets what was left in the CPU's memory.

The device `meta`, which every machine has, takes the GPU's place: it computes shapes only. What it does not mind, an
operation on tensors of two devices, is watched for here.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from talkedit.bench import made_up
from talkedit.bench.infer import Pictures, _inputs, _on
from talkedit.bench.reference import Reference
from talkedit.bench.train import reference_inputs
from talkedit.edit.renderer import Renderer
from talkedit.models import losses
from talkedit.models.build import (
    build_discriminator,
    build_eye_net,
    build_generator,
    build_lip_net,
    build_patch_discriminator,
)
from talkedit.models.fold import fold
from talkedit.models.guide import Sources
from talkedit.models.perceptual import Vgg16Features
from talkedit.shards.loader import Loader
from talkedit.shards.windows import Window, to_batch
from talkedit.train.artifact import TrainedModel
from talkedit.train.discriminator import Networks, _prepare
from talkedit.train.generator import Judges, as_seen, choose_frames, draw_windows
from talkedit.train.inputs import jitter, make_inputs, to_device
from talkedit.train.negatives import help_out

from .. import tiny
from ..train.runs import discriminator_params, loss_params

OTHER = torch.device("meta")
MODEL = tiny.model_params()
N = 3  # frames
LATE = 9  # a step in which all losses count


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of two devices, but for copies and numbers, which a GPU takes too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.dim()]
        if len({tensor.device for tensor in tensors}) > 1 and func.overloadpacket is not torch.ops.aten.copy_:
            raise AssertionError(f"{func} of {[(tuple(tensor.shape), str(tensor.device)) for tensor in tensors]}")
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with OneDevice():
        yield


@pytest.mark.parametrize(
    "mixed",
    [
        lambda here, there: here + there,
        lambda here, there: here @ there,
        lambda here, there: torch.cat([here, there]),
        lambda here, there: here[there.long()],
        lambda here, there: there.bmm(here[None]),
    ],
)
def test_two_devices_are_noticed(mixed: Callable[[Tensor, Tensor], Tensor]) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        mixed(torch.ones(2, 2, device=OTHER), torch.ones(2, 2))


@pytest.fixture
def windows(tiny_shards: Path) -> list[Window]:
    with Loader(tiny_shards, "train", MODEL.image_px, MODEL.n_frames, 2, seed=0) as loader:
        return loader.windows(0)


@pytest.mark.parametrize("changes", [{}, {"sources": "raw"}, tiny.WAV2LIP])
def test_a_training_step_of_the_generator(windows: list[Window], changes: dict[str, Any]) -> None:
    model, loss, random = tiny.model_params(**changes), loss_params(), torch.Generator().manual_seed(0)
    generator, adversary = build_generator(model).to(OTHER), build_patch_discriminator(model).to(OTHER)
    vgg = Vgg16Features(2, [0.0] * 3, [1.0] * 3, bgr_255=False)
    judges = Judges(build_discriminator(model, ("audio",), "l2", 1.0), build_eye_net(model), vgg).to(OTHER)
    inputs = make_inputs(jitter(to_device(to_batch(windows), OTHER), 0.02, random), model)
    drawn = draw_windows(generator, inputs)
    terms = judges.terms(drawn, inputs, loss, LATE, choose_frames(len(inputs.landmarks), 0.5, random))
    terms["g"] = losses.realism(adversary(as_seen(drawn, inputs).flatten(0, 1)))
    losses.total(terms, loss, LATE).backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_a_training_step_of_the_judges(windows: list[Window]) -> None:
    terms = ("audio", "pose", "emotion")
    lips = build_lip_net(MODEL)
    networks = Networks(build_discriminator(MODEL, terms, "l2", 1.0), build_eye_net(MODEL), lips).to(OTHER)
    min_gaps = discriminator_params().min_gaps(terms)
    batch, drawn, spoken = _prepare(windows, min_gaps, 0, 0, OTHER)
    negatives = help_out(drawn, min_gaps, 0, 0).to(OTHER)
    verdict, others = networks(batch, negatives, spoken, torch.Generator().manual_seed(0))
    torch.stack([*verdict.losses.values(), *others.values()]).sum().backward()
    assert all(parameter.grad is not None for parameter in networks.parameters())


@pytest.mark.parametrize("sources", ["guided", "raw"])
def test_drawing_for_an_edit(monkeypatch: pytest.MonkeyPatch, sources: str) -> None:
    model = tiny.model_params(sources=sources)
    generator, lips = made_up.as_if_trained(build_generator(model)), build_lip_net(model)
    renderer = Renderer(TrainedModel(Path(), generator, lips, model, {}, {}, None, {}))
    renderer._device = OTHER
    renderer._generator.to(OTHER)
    if lips:
        lips.to(OTHER)
    monkeypatch.setattr(Tensor, "cpu", lambda tensor: torch.zeros(tensor.shape, dtype=tensor.dtype))
    target, source, asked = made_up.crops(N, 40), made_up.crops(N, 40), made_up.attributes(N)
    mel = torch.randn(N, 80, 16).numpy()
    drawn = renderer.draw(target, made_up.heads(asked.pose_deg), source, mel, asked)
    assert drawn.shape == target.images.shape


def test_what_drawing_is_measured_by() -> None:
    generator, made = made_up.as_if_trained(build_generator(MODEL)), made_up.sources(N, MODEL.image_px)
    shown = Sources(*(part.to(OTHER) for part in made if part is not None))
    inputs = _on(OTHER, _inputs(MODEL, N))
    for network in (generator, fold(generator)):
        assert Pictures(network.to(OTHER), shown)(*inputs).device == OTHER


def test_the_reference_that_training_is_measured_by() -> None:
    reference = Reference(64).to(OTHER)
    batch = to_device(made_up.batch(1, MODEL.n_frames, 64), OTHER)
    reference(*reference_inputs(batch)).sum().backward()
    assert all(parameter.grad is not None for parameter in reference.parameters())
