"""SyncNet as a judge: its file, its picture of the face, its scores."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.asset_list import ASSETS, Url
from talkedit.errors import AssetError, ParamsError
from talkedit.evaluate.examine import EvaluateParams, evaluate
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.mfcc import mfcc
from talkedit.evaluate.syncnet import SyncNetExpert, face_pictures, load_syncnet, to_input
from talkedit.evaluate.tools import Held, Tools
from talkedit.face.geometry import fill_gaps
from talkedit.manifest import file_sha256
from talkedit.media.audio import read_wav
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel

from ..checkpoints import save_as_then
from ..project import Project
from ..servers import serve
from ..syncnet_checkpoint import plain_syncnet_lips, plain_syncnet_speech, syncnet_state

N_FRAMES = 9


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file like syncnet_v2.model, 55 MB."""
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    save_as_then(syncnet_state(), path, python=3)
    yield path
    path.unlink()


@pytest.fixture
def served(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The asset, at a mirror on this machine: its first address gives an error page."""
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve(checkpoint.read_bytes()) as address:
        source = Url(f"{address}/missing", (f"{address}/syncnet_v2.model",))
        asset = replace(ASSETS["syncnet"], sha256=file_sha256(checkpoint), source=source)
        monkeypatch.setitem(ASSETS, "syncnet", asset)
        yield address


@pytest.fixture(scope="module")
def tools(model: TrainedModel) -> Tools:
    return Tools(model)


@pytest.fixture(scope="module")
def held(tools: Tools, held_out: Sample) -> Held:
    return tools.hold(held_out).take(np.arange(N_FRAMES))


@pytest.fixture(scope="module")
def clips(tiny_project: Project) -> Path:
    return tiny_project.folder / "data" / "sample" / "curated"


def test_the_real_format_is_read_without_running_anything_in_it(checkpoint: Path) -> None:
    assert abs(checkpoint.stat().st_size - ASSETS["syncnet"].size_bytes) < 10_000
    network = load_syncnet(checkpoint)
    assert not network.training
    for key, value in syncnet_state().items():
        torch.testing.assert_close(network.state_dict()[key], value, rtol=0, atol=0)


@torch.inference_mode()
def test_fetched_and_run_it_scores_as_its_authors_do(served: str, held: Held, clips: Path) -> None:
    video, points = held.footage.crops.images, held.landmarks_px
    points = np.where(np.arange(N_FRAMES)[:, None, None] == 4, np.nan, points).astype(np.float32)
    found = SyncNetExpert(clips).score(video, points, held)
    # Four windows: the authors leave out the last whole one, which begins at frame 4.
    pictures = to_input(face_pictures(video, fill_gaps(points, np.arange(N_FRAMES) != 4)))
    heard = torch.from_numpy(mfcc(*read_wav(clips / f"{held.sample.clip_id}.wav")))
    state = syncnet_state()
    lips = plain_syncnet_lips(state, torch.stack([pictures[:, at : at + 5] for at in range(4)]))
    speech = plain_syncnet_speech(state, torch.stack([heard[None, :, 4 * at : 4 * at + 20] for at in range(4)]))
    speech = torch.nn.functional.pad(speech, (0, 0, 15, 15))
    means = torch.stack(
        [torch.stack([(lips[at] - speech[at + shift]).norm() for at in range(4)]).mean() for shift in range(31)]
    )
    assert found.distance == pytest.approx(means.min().item(), rel=1e-3)
    assert found.confidence == pytest.approx((means.median() - means.min()).item(), rel=1e-2, abs=1e-3)
    assert found.offset_frames == 15 - means.argmin().item()


def test_its_numbers_carry_its_name(served: str, tools: Tools, held: Held, clips: Path) -> None:
    scores = Likeness(tools, SyncNetExpert(clips)).real(held)
    assert {key for key in scores if "sync" in key} == {
        "syncnet_confidence",
        "syncnet_distance",
        "syncnet_offset_frames",
    }


def test_without_a_face_there_is_no_score(served: str, held: Held, clips: Path) -> None:
    expert, nowhere = SyncNetExpert(clips), np.full_like(held.landmarks_px, np.nan)
    assert np.isnan(expert.score(held.footage.crops.images, nowhere, held).distance)
    five = held.take(np.arange(5))
    assert np.isnan(expert.score(five.footage.crops.images, five.landmarks_px, five).distance)


def test_asked_for_it_is_never_another_one_that_scores(
    served: str,
    monkeypatch: pytest.MonkeyPatch,
    tiny_model: Path,
    judges: Path,
    shards: Path,
    clips: Path,
    evaluate_params: EvaluateParams,
    tmp_path: Path,
) -> None:
    monkeypatch.setitem(ASSETS, "syncnet", replace(ASSETS["syncnet"], source=Url(f"{served}/missing")))
    params = evaluate_params.model_copy(update={"sync": "syncnet"})
    with pytest.raises(AssetError, match=r"404.*do without it: set evaluate\.sync to own"):
        evaluate(shards, tiny_model, judges, clips, tmp_path / "out", params)
    with pytest.raises(ParamsError, match="--clips"):
        evaluate(shards, tiny_model, judges, None, tmp_path / "out", params)
    assert not (tmp_path / "out").exists()


def test_the_picture_is_the_lower_face_in_the_middle() -> None:
    """Brows at 100, chin at 180, so the face goes from 80: half of its 100 is 50, about (150, 130)."""
    points = np.full((20, 68, 2), 150.0)
    points[:, 0], points[:, 1] = (110, 100), (190, 180)
    rows, columns = np.mgrid[:300, :300]
    ramp = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).clip(0, 255).astype(np.uint8)
    pictures = face_pictures(np.stack([ramp] * 20), points)
    assert pictures.shape == (20, 224, 224, 3)
    left, right = pictures[10, 112, 0, 0], pictures[10, 112, -1, 0]
    top, bottom = pictures[10, 0, 112, 1], pictures[10, -1, 112, 1]
    # 70 to both sides, 50 up, 90 down.
    assert [left, right, top, bottom] == [pytest.approx(edge, abs=1.5) for edge in (80, 220, 80, 220)]


def test_one_frame_in_which_the_face_jumps_moves_nothing() -> None:
    points = np.random.default_rng(0).uniform(100, 200, (1, 68, 2)).repeat(30, axis=0)
    still = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)[None].repeat(30, axis=0)
    jumped = points.copy()
    jumped[15] += 40
    np.testing.assert_array_equal(face_pictures(still, jumped), face_pictures(still, points))


def test_pixels_are_bgr_as_they_are() -> None:
    pictures = np.zeros((1, 2, 2, 3), np.uint8)
    pictures[0, 0, 1] = (255, 128, 7)
    assert to_input(pictures)[:, 0, 0, 1].tolist() == [7, 128, 255]
