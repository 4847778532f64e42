"""What the tests of the shards share."""

from pathlib import Path

import pytest

from talkedit.shards.clips import LoadedClip, load_clip
from talkedit.shards.index import read_samples

IMAGE_PX = 24


@pytest.fixture(scope="session")
def clips(tiny_shards: Path) -> list[LoadedClip]:
    """The made-up person's training clips, decoded."""
    return [load_clip(sample, IMAGE_PX) for sample in read_samples(tiny_shards, "train")]
