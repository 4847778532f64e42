"""How fast a training step is: the reference's and our network's, each from a batch to changed weights, on L1 alone.

The other losses cost both the same, and are left out.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from talkedit.bench.infer import count_gmacs
from talkedit.bench.race import Contestant
from talkedit.bench.reference import STEPS, Reference
from talkedit.models.build import ModelParams, build_generator
from talkedit.models.codes import draw_mask, make_codes
from talkedit.models.losses import l1
from talkedit.shards.windows import Batch
from talkedit.train.generator import draw_windows
from talkedit.train.inputs import jitter, make_inputs, to_device

LEARNING_RATE = 1e-4
JITTER_SHARE = 0.02


def training_contestants(params: ModelParams, n_images: int, next_batch: Callable[[], Batch]) -> list[Contestant]:
    """Who trains on batches of `n_images`: reference, then our network.

    Ours makes its inputs from the batch as in training, jitter and guided sources with it. On a GPU the reference is
    in float32, ours in bfloat16 with the fused optimiser, as it is trained there.

    Args:
        params: Size and kind of our network.
        n_images: Images in a batch.
        next_batch: Where the batches come from; it may keep the caller waiting.
    """
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    reference = Reference(params.image_px).to(device)
    generator = build_generator(params).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    first = to_device(next_batch(), device)
    ours = make_inputs(first, params)
    gmacs = {
        "reference": count_gmacs(reference, reference_inputs(first), n_images),
        "network": count_gmacs(generator, (ours.source, ours.masked, ours.mel, ours.codes), n_images),
    }
    if on_gpu:  # the network alone, as in training: what its inputs are made by needs float32
        generator.forward = torch.autocast("cuda", torch.bfloat16)(generator.forward)
    everywhere = torch.ones(1, 1, params.image_px, params.image_px, device=device)
    random = torch.Generator().manual_seed(0)

    def draw_as_reference(batch: Batch) -> tuple[Tensor, Tensor]:
        return reference(*reference_inputs(batch)), batch.target.flatten(0, 1).float() / 255

    def draw_ours(batch: Batch) -> tuple[Tensor, Tensor]:
        inputs = make_inputs(jitter(batch, JITTER_SHARE, random), params)
        return draw_windows(generator, inputs).flatten(0, 1), inputs.truth.flatten(0, 1)

    def contestant(
        name: str, network: nn.Module, draw: Callable[[Batch], tuple[Tensor, Tensor]], fused: bool
    ) -> Contestant:
        adam = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=fused)

        def run() -> None:
            started = time.perf_counter()
            batch = next_batch()
            entry.waited_s += time.perf_counter() - started
            drawn, truth = draw(to_device(batch, device))
            adam.zero_grad()
            l1(drawn, truth, everywhere).backward()
            adam.step()

        n_parameters = sum(parameter.numel() for parameter in network.parameters())
        entry = Contestant(name, run, n_images, n_parameters, gmacs[name])
        return entry

    return [
        contestant("reference", reference, draw_as_reference, fused=False),
        contestant("network", generator, draw_ours, fused=on_gpu),
    ]


def reference_inputs(batch: Batch) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """What the reference takes of a batch: raw sources, the central 3/4 masked, each frame's codes over 16 steps."""
    target, source = (pictures.flatten(0, 1).float() / 255 for pictures in (batch.target, batch.source))
    mask = draw_mask(target.shape[-1], (0.125, 0.125, 0.875, 0.875), target.device)
    codes = make_codes(batch.pose_deg, batch.emotion, batch.eye_openness)
    images = {
        name: code.transpose(1, 2).flatten(0, 1)[:, None, :, None].expand(-1, -1, -1, STEPS)
        for name, code in codes.items()
    }
    return source, target * (1 - mask), batch.mel.flatten(0, 1)[:, None], images
