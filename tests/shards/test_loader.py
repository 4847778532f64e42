"""Windows of a run: decoded in the background, the same whenever and wherever they are asked for."""

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.errors import ParamsError, TalkeditError
from talkedit.shards import loader as loading
from talkedit.shards.clips import load_clip
from talkedit.shards.loader import KEPT_BYTES, OPENNESS_BIN, Loader
from talkedit.shards.sampler import rarity
from talkedit.shards.windows import Window, to_batch

from .. import tiny
from .conftest import IMAGE_PX

T = 5
N_CLIPS = 60


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of more clips than the pool holds; their pictures are of one and the same, which is quick to make."""
    one = tiny.make_sample("one", "train", 1)
    samples = [dataclasses.replace(one, clip_id=f"clip{index}") for index in range(N_CLIPS)]
    return tiny.write_shards(tmp_path_factory.mktemp("many") / "shards", samples)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clips that are decoded from here on."""
    seen: list[str] = []

    def note(sample, image_px, shown):
        seen.append(sample.clip_id)
        return load_clip(sample, image_px, shown)

    monkeypatch.setattr(loading, "load_clip", note)
    return seen


def shown(windows: list[Window]) -> list[tuple[str, list[int], str, list[int]]]:
    return [
        (each.clip.sample.clip_id, each.target.tolist(), each.source_clip.sample.clip_id, each.source.tolist())
        for each in windows
    ]


def run(folder: Path, steps: range, seed: int = 3, n_windows: int = 4, **rest: float) -> list:
    with Loader(folder, "train", IMAGE_PX, T, n_windows, seed, **rest) as loader:
        return [shown(loader.windows(step)) for step in steps]


def test_seed_and_step_decide_the_windows_whichever_step_comes_first(many: Path) -> None:
    whole = run(many, range(40))
    assert run(many, range(40)) == whole
    assert run(many, range(25, 40)) == whole[25:]
    assert run(many, range(39, -1, -13)) == whole[39::-13]
    assert run(many, range(40), seed=4) != whole
    assert len({str(windows) for windows in whole}) == 40


def test_frames_in_a_row_or_not_are_of_the_same_clips(many: Path) -> None:
    with Loader(many, "train", IMAGE_PX, T, 8, seed=0) as loader:
        in_a_row = shown(loader.windows(2))
        spread = shown(loader.windows(2, in_a_row=False))
        assert in_a_row == shown(loader.windows(2, in_a_row=True))
    assert [clip for clip, *_ in in_a_row] == [clip for clip, *_ in spread]
    assert all(target == list(range(target[0], target[0] + T)) for _, target, *_ in in_a_row)
    assert not all(target == list(range(target[0], target[0] + T)) for _, target, *_ in spread)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_source_is_one_of_the_window_s_sources_for_all_its_frames(many: Path, share: float) -> None:
    with Loader(many, "train", IMAGE_PX, T, 8, seed=0, other_clips_share=share) as loader:
        usual, one = shown(loader.windows(2)), shown(loader.windows(2, one_source=True))
    for (*clips_and_target, sources), (*the_same, source) in zip(usual, one, strict=True):
        assert clips_and_target == the_same
        assert source == sources[:1] * T


@pytest.mark.parametrize(("n_ranks", "kept_bytes"), [(2, KEPT_BYTES), (4, KEPT_BYTES), (2, 0)])
def test_processes_share_the_windows_of_one(many: Path, n_ranks: int, kept_bytes: int) -> None:
    shape = {"n_windows": 8, "other_clips_share": 0.5, "kept_bytes": kept_bytes}
    parts = [run(many, range(10), rank=rank, n_ranks=n_ranks, **shape) for rank in range(n_ranks)]
    together = [[window for part in parts for window in part[step]] for step in range(10)]
    assert together == run(many, range(10), **shape)


def test_processes_decode_each_clip_once_between_them(many: Path) -> None:
    def asked_for(rank: int, n_ranks: int) -> set[int]:
        # 52 windows, 4 of a clip: with the 32 of the pool less than the 60 there are, so that none comes again.
        # Two windows ahead are one step, alone and shared.
        shared = {"other_clips_share": 0.5, "rank": rank, "n_ranks": n_ranks, "windows_ahead": 2}
        with Loader(many, "train", IMAGE_PX, T, 4, 3, **shared) as loader:
            for step in range(12):
                loader.windows(step)
            return set(loader._clips)

    first, second = asked_for(0, 2), asked_for(1, 2)
    assert not first & second
    assert first | second == asked_for(0, 1)
    assert min(len(first), len(second)) > 10


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_sources_come_from_the_window_s_own_clip_or_from_another(many: Path, share: float) -> None:
    others = n_windows = 0
    for windows in run(many, range(40), n_windows=4, other_clips_share=share):
        for clip, target, source_clip, source in windows:
            others, n_windows = others + (source_clip != clip), n_windows + 1
            assert len(set(source)) == T
            assert source_clip != clip or not set(source) & set(target)
    assert others / n_windows == pytest.approx(share, abs=0.12)


def test_closed_eyes_come_as_often_as_open_ones_in_half_of_the_draws(tmp_path: Path) -> None:
    """Of 20 frames 2 are closed, a tenth: half of 0.1 and half of 0.5 make 0.3 of the first draw."""
    one = tiny.make_sample("one", "train", 1)
    openness = np.array([0.1] * 2 + [0.7] * 18, np.float32)
    one = dataclasses.replace(one, attributes=dataclasses.replace(one.attributes, eye_openness=openness))
    shards = tiny.write_shards(tmp_path / "shards", [one])
    with Loader(shards, "train", IMAGE_PX, T, 4, seed=0) as loader:
        firsts = [int(window.target[0]) for step in range(100) for window in loader.windows(step, in_a_row=False)]
    assert np.mean(np.array(firsts) < 2) == pytest.approx(0.3, abs=0.07)


def test_processes_that_cannot_share_evenly_are_refused(many: Path) -> None:
    with pytest.raises(ParamsError, match="n_windows is 3, which 2 processes cannot share; make it a multiple"):
        Loader(many, "train", IMAGE_PX, T, 3, 0, n_ranks=2)


def test_a_window_s_clip_is_the_one_that_lies_in_the_shard(tiny_shards: Path) -> None:
    with Loader(tiny_shards, "train", IMAGE_PX, T, 8, seed=0) as loader:
        windows = loader.windows(0)
    truth = {sample.clip_id: load_clip(sample, IMAGE_PX) for sample in tiny.corpus()}
    assert {window.clip.sample.clip_id for window in windows} == {"one", "two"}
    for window in windows:
        assert torch.equal(window.clip.pictures, truth[window.clip.sample.clip_id].pictures)


def test_little_footage_is_decoded_once(tiny_shards: Path, decoded: list[str]) -> None:
    run(tiny_shards, range(100))
    assert sorted(decoded) == ["one", "two"]


def test_much_footage_is_decoded_again_but_memory_holds_little_more_than_the_pool(
    many: Path, decoded: list[str]
) -> None:
    most = 0
    with Loader(many, "train", IMAGE_PX, T, 8, seed=0, kept_bytes=0) as loader:
        for step in range(150):
            loader.windows(step)
            most = max(most, len(loader._clips))
    # Clips of 20 frames give 4 windows: beside the pool's 32 those of 128 windows are decoded ahead, and of a step.
    assert len(decoded) > 2 * N_CLIPS
    assert most <= 32 + 128 / 4 + 8
    assert len(decoded) <= 150 * 8 / 4 + N_CLIPS  # once a visit


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_of_much_footage_a_clip_shows_another_second_each_time_and_every_frame_comes(
    tmp_path: Path, share: float
) -> None:
    sample = tiny.make_sample("long", "train", 1, n_frames=77)
    shards = tiny.write_shards(tmp_path / "shards", [sample])
    whole = load_clip(sample, IMAGE_PX)
    counts, shown = np.zeros(77), set()
    with Loader(shards, "train", IMAGE_PX, T, 4, seed=0, kept_bytes=0, other_clips_share=share) as loader:
        for step in range(600):
            windows = loader.windows(step, in_a_row=False)
            for clip, target, source_clip, source in windows:
                assert set(target.tolist()) <= set(clip.shown)
                assert set(source.tolist()) <= set(source_clip.shown) - set(target.tolist())
                counts[target] += 1
                shown.add(clip.shown)
            if step < 10:
                batch = to_batch(windows)
                assert all(
                    torch.equal(row, whole.pictures[each.target])
                    for row, each in zip(batch.target, windows, strict=True)
                )
                assert all(
                    torch.equal(row, whole.pictures[each.source])
                    for row, each in zip(batch.source, windows, strict=True)
                )
                assert torch.equal(batch.mel[0], whole.mel[windows[0].target])
    assert shown == {range(25), range(25, 50), range(50, 77)}
    wanted = rarity(sample.attributes.eye_openness, OPENNESS_BIN)
    assert np.corrcoef(counts, wanted)[0, 1] > 0.9
    assert counts.min() > 0


def test_of_much_footage_seed_and_step_decide_the_windows_too(many: Path) -> None:
    whole = run(many, range(40), kept_bytes=0)
    assert run(many, range(25, 40), kept_bytes=0) == whole[25:]
    assert run(many, range(39, -1, -13), kept_bytes=0) == whole[39::-13]


def test_what_is_out_of_the_pool_is_let_go_of(many: Path) -> None:
    with Loader(many, "train", IMAGE_PX, T, 8, seed=0, kept_bytes=0, windows_ahead=8) as loader:
        for step in range(60):
            loader.windows(step)
            assert len(loader._clips) <= 32 + 16
        assert len(loader._clips) < N_CLIPS


@pytest.mark.parametrize("kept_bytes", [KEPT_BYTES, 0])
def test_rare_frames_are_drawn_as_targets_or_as_sources(tmp_path: Path, kept_bytes: int) -> None:
    """Of 40 frames 4 are shut: half of all draws go to both alike, so 30% of what is drawn by rarity are."""
    one = tiny.make_sample("one", "train", 1, 40)
    openness = np.ones(40, np.float32)
    openness[[7, 15, 23, 31]] = 0.0
    sample = dataclasses.replace(one, attributes=dataclasses.replace(one.attributes, eye_openness=openness))
    shards = tiny.write_shards(tmp_path / "shards", [sample])
    for rare, often in (("targets", "target"), ("sources", "source")):
        with Loader(shards, "train", IMAGE_PX, 1, 8, seed=0, rare=rare, kept_bytes=kept_bytes) as loader:
            windows = [each for step in range(200) for each in loader.windows(step)]
        shut = {
            name: np.mean([openness[getattr(each, name)] == 0 for each in windows]) for name in Window._fields[1::2]
        }
        seldom = "source" if often == "target" else "target"
        assert shut[often] == pytest.approx(0.3, abs=0.04)
        assert shut[seldom] == pytest.approx(0.1, abs=0.03)


def test_its_threads_end_with_it(many: Path) -> None:
    with Loader(many, "train", IMAGE_PX, T, 4, seed=0) as loader:
        loader.windows(0)
        assert any(thread.name.startswith("decoder") for thread in threading.enumerate())
    assert not any(thread.name.startswith("decoder") for thread in threading.enumerate())


def test_clips_that_are_too_short_are_not_drawn_from(tmp_path: Path) -> None:
    short, one = tiny.make_sample("short", "train", 5, n_frames=9), tiny.corpus()[0]
    shards = tiny.write_shards(tmp_path / "both", [short, one])
    assert {clip for windows in run(shards, range(10)) for clip, *_ in windows} == {"one"}
    with pytest.raises(TalkeditError, match=r"no train clip has 10 frames.*segment\.clip_s"):
        run(tiny.write_shards(tmp_path / "short", [short]), range(1))


def test_a_damaged_clip_ends_the_step_that_needs_it_with_one_sentence(tmp_path: Path) -> None:
    broken = dataclasses.replace(tiny.corpus()[0], clip_id="broken", crops_mp4=b"")
    shards = tiny.write_shards(tmp_path / "shards", [broken])
    with pytest.raises(TalkeditError, match=r"'broken' is damaged .*run `dvc repro -f shards`"):
        run(shards, range(1))
