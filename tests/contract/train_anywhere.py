"""Trains both networks for two steps in a process where only what a bare GPU machine has can be imported."""

import json
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

REFUSED = set(sys.argv[3].split(","))


class Refuse(MetaPathFinder):
    """Finds that nothing refused is installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, Refuse())

import torch  # noqa: E402

from talkedit.live import live_curves  # noqa: E402
from talkedit.models.build import ModelParams  # noqa: E402
from talkedit.models.losses import LossParams  # noqa: E402
from talkedit.train.artifact import load_model  # noqa: E402
from talkedit.train.curves import NoCurves  # noqa: E402
from talkedit.train.discriminator import DiscriminatorParams, train_discriminator  # noqa: E402
from talkedit.train.generator import TrainParams, train_generator  # noqa: E402


def main(shards: Path, out: Path, sections: dict[str, dict]) -> None:
    torch.set_num_threads(1)
    schemas = (ModelParams, DiscriminatorParams, TrainParams, LossParams)
    model, discriminator, train, loss = (schema.model_validate(sections[schema.section]) for schema in schemas)
    train_discriminator(shards, out / "discriminator", NoCurves(), model, discriminator)
    train_generator(shards, out / "discriminator", out / "generator", live_curves(out), "ann", model, train, loss)
    print(load_model(out / "generator").card["data"])


main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[4]))
