"""How fast heads are drawn: the reference, our network as it is and folded, and all of the editor's drawing."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from talkedit.bench import made_up
from talkedit.bench.race import Contestant
from talkedit.bench.reference import Reference
from talkedit.edit.renderer import Renderer
from talkedit.models.build import ModelParams, build_generator, build_lip_net
from talkedit.models.fold import fold
from talkedit.models.generator import Generator
from talkedit.models.guide import Sources
from talkedit.train.artifact import TrainedModel


class Pictures(nn.Module):
    """A generator with the making of pictures from what it gives, at the network's own resolution."""

    def __init__(self, generator: Generator, sources: Sources | None) -> None:
        super().__init__()
        self.generator, self.sources = generator, sources

    def forward(self, source: Tensor, masked: Tensor, mel: Tensor, codes: dict[str, Tensor]) -> Tensor:
        """As the generator's; returns (B * T, 3, px, px)."""
        return self.generator(source, masked, mel, codes).image(source.shape[-1], self.sources)


def drawing_contestants(params: ModelParams, n_images: int) -> tuple[list[Contestant], float]:
    """Who draws `n_images` pictures at once: reference, plain, folded and editor, in this order.

    All in float32, as the editor draws, on a GPU if there is one.

    Returns:
        The contestants, and the largest difference between the plain and the folded network's pictures (0..1), whose
        statistics are random.
    """
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reference = Reference(params.image_px).eval().to(device)
    generator = made_up.as_if_trained(build_generator(params)).to(device)
    made = made_up.sources(n_images, params.image_px) if params.sources == "guided" else None
    shown = Sources(*(cast(Tensor, part).to(device) for part in made)) if made else None
    plain, folded = Pictures(generator, shown), Pictures(fold(generator), shown)
    for_reference = _on(device, made_up.reference_inputs(n_images, params.image_px))
    ours = _on(device, _inputs(params, n_images))
    with torch.inference_mode():
        difference = float((plain(*ours) - folded(*ours)).abs().max())
    contestants = [
        _network("reference", reference, for_reference, n_images),
        _network("plain", plain, ours, n_images),
        _network("folded", folded, ours, n_images),
        _editor(generator, params, n_images),
    ]
    return contestants, difference


def count_gmacs(network: nn.Module, inputs: tuple[object, ...], n_images: int) -> float:
    """Billions of multiplications for an image: half of what PyTorch counts as floating point operations."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return counter.get_total_flops() / 2e9 / n_images


def _network(name: str, network: nn.Module, inputs: tuple[object, ...], n_images: int) -> Contestant:
    def run() -> None:
        with torch.inference_mode():
            network(*inputs)

    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Contestant(name, run, n_images, n_parameters, count_gmacs(network, inputs, n_images))


def _editor(generator: Generator, params: ModelParams, n_images: int) -> Contestant:
    """All that the editor does between a cut out crop and the crop that is pasted, but for finding the face."""
    target, source = made_up.crops(n_images, params.image_px), made_up.crops(n_images, params.image_px)
    lips = build_lip_net(params)
    if lips:
        lips.learn_modes(torch.from_numpy(source.lips))
    renderer = Renderer(TrainedModel(Path(), generator, lips, params, {}, {}, None, {}))
    asked = made_up.attributes(n_images)
    mel = torch.randn(n_images, 80, 16).numpy()
    asked_heads = made_up.heads(asked.pose_deg)

    def run() -> None:
        renderer.blend(renderer.draw(target, asked_heads, source, mel, asked), target.images)

    return Contestant("editor", run, n_images)


def _inputs(params: ModelParams, n_images: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    n_channels, size_px = 6 if params.sources == "guided" else 3, (params.image_px, params.image_px)
    pictures = torch.rand(1, n_images, n_channels, *size_px), torch.rand(1, n_images, 3, *size_px)
    return *pictures, torch.randn(1, n_images, 80, 16), made_up.codes(1, n_images)


def _on(
    device: torch.device, inputs: tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]
) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    source, masked, mel, codes = inputs
    on_device = {name: code.to(device) for name, code in codes.items()}
    return source.to(device), masked.to(device), mel.to(device), on_device
