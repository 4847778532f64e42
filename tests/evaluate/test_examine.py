"""What is asked for is found again: signs, sizes and tables of all examinations, from end to end."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from webdataset.writer import ShardWriter

from talkedit.edit.mouths import MouthLender
from talkedit.edit.renderer import Crops, take, take_attributes
from talkedit.evaluate import footage, outputs
from talkedit.evaluate import tools as evaluate_tools
from talkedit.evaluate.cross import agreement, cross_scores, examine_pair
from talkedit.evaluate.drive import drive_clip, drive_scores
from talkedit.evaluate.examine import HEADS_FILE, LOOP_FILE, PARTS, SHEET_FILE, evaluate, evenly_spread
from talkedit.evaluate.experts import OwnExpert
from talkedit.evaluate.footage import Sources, Video
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import ANGLES, CONTROLS, OPENNESS, Loop, Looped, Point, edit_clip
from talkedit.evaluate.mesh import EYES, INNER_LIPS, N_POINTS, OUTER_EYE_CORNERS, lid_opening
from talkedit.evaluate.reconstruct import Reconstruction, examine_clip
from talkedit.evaluate.settings import EvaluateParams
from talkedit.evaluate.signals import fit
from talkedit.evaluate.tools import Held, Tools, lids_to_openness, shut_below
from talkedit.face.emotion import XceptionEmotion
from talkedit.media.video import write_video
from talkedit.models.build import build_generator
from talkedit.models.expressions import EMOTION_UNITS
from talkedit.models.lips import lip_shape, opening_and_width
from talkedit.records import CLIP_FPS
from talkedit.shards.clips import decode_crops, load_clip
from talkedit.shards.index import index_split
from talkedit.shards.samples import Sample, encode
from talkedit.train.artifact import load_model

from .. import tiny

# By geometry alone. A turn of the wrong sign gives a negative slope, one that is not drawn 0.
LEAST_SLOPE = {"yaw_deg": 0.6, "roll_deg": 0.6, "pitch_deg": 0.4}
MOST_SLOPE = 1.5
# Sources are the very frames that are drawn: what is left is resampling, and lips of moments that sound alike.
LEAST_SSIM_OF_ITSELF, MOST_LMD_OF_ITSELF_PX = 0.999, 0.2
LEAST_PSNR_OF_ITSELF_DB, MOST_IDENTITY_OF_ITSELF = 40, 0.1
STEPS: dict[str, list[float]] = {**{angle: [-8.0, 8.0] for angle in ANGLES}, OPENNESS: [0.2, 0.8]}


class HearsThisClip(nn.Module):
    """Hears the shape of the lips in one clip, exactly, and where there is no sound that of the most closed ones."""

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        clip = load_clip(sample, 24)
        self.mel, self.lips = clip.mel, lip_shape(clip.landmarks, clip.heads)

    def forward(self, mel: Tensor) -> Tensor:
        alike = (mel[0, :, None] - self.mel).abs().amax(dim=(2, 3)) < 1e-4
        closed = self.lips[opening_and_width(self.lips)[:, 0].argmin()]
        return torch.where(alike.any(dim=1)[:, None, None], self.lips[alike.float().argmax(dim=1)], closed)[None]


@pytest.fixture(scope="module")
def tools(tiny_model: Path, held_out: Sample) -> Tools:
    """A network that has learned nothing and shows guided sources as they are."""
    model = load_model(tiny_model)
    tools = Tools(replace(model, generator=build_generator(model.params).eval()))
    tools.renderer._lips = HearsThisClip(held_out)
    return tools


@pytest.fixture(scope="module")
def held(tools: Tools, held_out: Sample) -> Held:
    return tools.hold(held_out)


@pytest.fixture(scope="module")
def looped(tools: Tools, held: Held, likeness: Likeness) -> tuple[Loop, dict[str, Video]]:
    clip, ends = edit_clip(tools, likeness, STEPS, held.take(np.arange(4)))
    return Loop(STEPS, [clip]), ends


def loop_of(steps: dict[str, list[float]], points: list[Point]) -> Loop:
    return Loop(steps, [Looped(points, [], [], {control: [] for control in steps})])


class TestLoop:
    def test_geometry_alone_does_what_is_asked_in_sign_and_size(self, looped, held: Held):
        scores = looped[0].scores(
            *lids_to_openness(lid_opening(held.mesh), held.footage.attributes.eye_openness, least_r=0)
        )
        slopes = {control: scores[f"{control}_slope"] for control in LEAST_SLOPE}
        assert all(slopes[control] > least for control, least in LEAST_SLOPE.items()), slopes
        assert all(slope < MOST_SLOPE for slope in slopes.values()), slopes
        assert scores["closed_loop_detection_rate"] == 1.0
        assert scores["seam_median"] == pytest.approx(1, abs=0.3)
        assert scores["yaw_deg_n"] == 2 * 4

    def test_the_seam_is_the_median_over_all_edited_frames(self):
        loop = Loop(STEPS, [Looped([], [], seam, {control: [] for control in STEPS}) for seam in ([1.0, 1.2], [4.0])])
        assert loop.scores(1.0, 0.0)["seam_median"] == pytest.approx(1.2)

    def test_flicker_is_the_mean_of_the_edits_in_which_it_was_measured(self):
        looped = [
            Looped([], flicker, [], {control: [] for control in STEPS}) for flicker in ([1.0, float("nan")], [2.0])
        ]
        assert Loop(STEPS, looped).scores(1.0, 0.0)["flicker_ratio"] == pytest.approx(1.5)
        assert Loop(STEPS, looped[:0]).scores(1.0, 0.0)["flicker_ratio"] is None

    def test_lids_move_as_asked(self, looped):
        lids = {0.2: [], 0.8: []}
        for point in looped[0]._points:
            if point.control == OPENNESS:
                lids[point.asked].append(point.lids)
        assert np.mean(lids[0.8]) > np.mean(lids[0.2]) + 0.02

    def test_both_ends_of_every_sweep_are_there_to_be_seen(self, looped, held: Held):
        ends = [f"{angle} {sign}8" for angle in ("yaw", "pitch", "roll") for sign in "-+"]
        assert list(looped[1]) == [*ends, "eyes 0.2", "eyes 0.8"]
        truth, left = held.footage.crops.images[:4], looped[1]["yaw +8"]
        assert np.array_equal(left[:, 0], truth[:, 0])  # outside the mask
        middle = slice(truth.shape[1] // 3, 2 * truth.shape[1] // 3)
        assert np.abs(left[:, middle, middle].astype(int) - truth[:, middle, middle]).mean() > 3

    def test_the_tables_numbers_give_the_scores_again(self, looped, held: Held):
        units = lids_to_openness(lid_opening(held.mesh), held.footage.attributes.eye_openness, least_r=0)
        scores, table = looped[0].scores(*units), list(csv.DictReader(io.StringIO(looped[0].table(*units))))
        assert len(table) == len(CONTROLS) * 2 * 4  # values, frames
        for control in CONTROLS:
            rows = [row for row in table if row["control"] == control]
            asked, measured = ([float(row[key]) for row in rows] for key in ("asked", f"measured_{control}"))
            assert fit(asked, measured).slope == pytest.approx(scores[f"{control}_slope"], abs=0.01)

    def test_what_moves_meanwhile_is_a_share_of_its_own_sweep(self):
        steps = {"yaw_deg": [-10.0, 10.0], "pitch_deg": [-5.0, 5.0], "roll_deg": [-10.0, 10.0], OPENNESS: [0.0, 1.0]}
        points = [
            Point("yaw_deg", asked, (asked, 0.1 * asked, 0.0), 0.3 + asked / 1000, 0.3) for asked in (-10.0, 10.0)
        ]
        scores = loop_of(steps, points).scores(factor=5.0, offset=0.0)
        # Pitch moved by 2 of its 10 degrees; the eyes by 5 * 0.02 of 1.
        assert scores["yaw_deg_leak"] == pytest.approx(0.2)
        assert scores["pitch_deg_slope"] is None

    def test_what_moves_alike_at_both_ends_has_moved_too(self):
        steps = {"yaw_deg": [-10.0, 0.0, 10.0], "pitch_deg": [-5.0, 5.0], "roll_deg": [-5.0, 5.0], OPENNESS: [0.0, 1.0]}
        nods = {-10.0: 4.0, 0.0: 0.0, 10.0: 4.0}
        points = [Point("yaw_deg", asked, (asked, nod, 0.0), 0.3, 0.3) for asked, nod in nods.items()]
        assert loop_of(steps, points).scores(1.0, 0.0)["yaw_deg_leak"] == pytest.approx(0.4)  # 4 of 10 degrees

    def test_a_sweep_is_the_mean_of_what_was_seen_of_each_value(self):
        nan = float("nan")
        points = [Point("roll_deg", -4.0, (0.0, 0.0, turn), 0.2, 0.2) for turn in (-2.0, -3.0, nan)]
        points += [Point("roll_deg", 4.0, (0.0, 0.0, 4.0), 0.2, 0.2)]
        lowest, middle, highest = loop_of({"roll_deg": [4.0, -4.0, 0.0]}, points).sweeps(1.0, 0.0)["roll_deg"]
        assert (lowest, highest) == ((-4.0, -2.5), (4.0, 4.0))
        assert middle[0] == 0
        assert np.isnan(middle[1])

    def test_where_no_face_was_found_nothing_is_made_up(self):
        nan = float("nan")
        points = [Point("roll_deg", turn, (0.0, 0.0, turn / 2), 0.2, 0.2) for turn in (-4.0, 4.0)]
        loop = loop_of(STEPS, [*points, Point("roll_deg", 4.0, (nan, nan, nan), nan, 0.2)])
        scores = loop.scores(1.0, 0.0)
        assert (scores["roll_deg_slope"], scores["roll_deg_n"]) == (pytest.approx(0.5), 2)
        assert scores["closed_loop_detection_rate"] == pytest.approx(2 / 3)
        assert loop.table(1.0, 0.0).splitlines()[-1] == "roll_deg,4,,,,"


@pytest.fixture(scope="module")
def likeness(tools: Tools, judges: Path) -> Likeness:
    return Likeness(tools, OwnExpert(judges))


def test_a_clip_that_is_its_own_source_is_drawn_as_it_is(
    tools: Tools,
    held: Held,
    held_out: Sample,
    likeness: Likeness,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(footage, "CHANGE_COST", 0.0)  # each frame is drawn from itself
    entries = index_split(tiny.write_shards(tmp_path / "shards", [held_out]), held_out.split)
    sources = Sources(entries, 1000).at(held_out.track.size_px)
    reconstruction = Reconstruction([examine_clip(tools, likeness, held, sources, {}, None)])
    scores = reconstruction.scores()
    assert scores["self_ssim_in_mask"] > LEAST_SSIM_OF_ITSELF
    assert LEAST_SSIM_OF_ITSELF < scores["self_ssim_crop"] <= scores["self_ssim_frame"] <= 1
    assert scores["self_psnr_crop_db"] > LEAST_PSNR_OF_ITSELF_DB
    assert scores["self_ssim_in_mask_gain"] == pytest.approx(scores["self_ssim_in_mask"] - 1)
    assert scores["self_detection_rate"] == 1.0
    assert 0 <= scores["self_lmd_m_px256"] < MOST_LMD_OF_ITSELF_PX
    assert 0 <= scores["self_perceptual_hed_vgg"] < 0.02
    assert 0 <= scores["self_identity_dlib"] < MOST_IDENTITY_OF_ITSELF
    assert scores["self_sharpness_ratio"] == pytest.approx(1, abs=0.02)
    assert scores["self_fid_hed_vgg"] is None  # of some twenty frames
    real = reconstruction.mean("ground truth")
    assert (real["ssim_crop"], real["lmd_f_px256"]) == (1.0, 0.0)
    assert scores["self_sync_own_confidence"] == pytest.approx(real["sync_own_confidence"], abs=0.05)


def test_mouths_are_lent_where_the_speech_is_another(tools: Tools, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = list[int]()

    class Spy(MouthLender):
        def __call__(self, own: Crops, number: int) -> Crops:
            given = super().__call__(own, number)
            lent.append(int(given is not own))
            return given

    monkeypatch.setattr(evaluate_tools, "MouthLender", Spy)
    codes = held.footage.attributes
    plain = tools.edit(held, codes)
    assert not lent
    spoken = tools.edit(held, codes, held.mel)
    assert len(lent) == len(held.mel)
    assert any(lent)
    assert not np.array_equal(plain, spoken)


@pytest.fixture(scope="module")
def crossed(tools: Tools, held: Held, likeness: Likeness) -> dict[str, float]:
    """Its own second half gives a clip's first half the attributes."""
    factor, _ = lids_to_openness(lid_opening(held.mesh), held.footage.attributes.eye_openness, least_r=0)
    half = len(held.mel) // 2
    turned = held.take(np.arange(half, 2 * half))
    codes = replace(turned.footage.attributes, pose_deg=turned.footage.attributes.pose_deg + np.float32([8, 0, 0]))
    # The giver's head, 8 degrees further to its left, for the codes and for the witness alike.
    mesh = tools.witness.look(tools.edit(turned, codes), turned.landmarks_px)
    look = replace(turned.look, mesh=mesh)
    giver = replace(turned, look=look, footage=replace(turned.footage, attributes=codes))
    source, shown = held.take(np.arange(half)), np.array([1, half])
    pair = examine_pair(tools, likeness, XceptionEmotion(0.2, 1), source, giver, shown)
    assert (pair.n_frames, list(pair.pictures)) == (half, [1])
    return cross_scores([pair], shut_below([held.mesh]), factor)


class TestCross:
    def test_a_turn_that_is_given_is_taken_on(self, crossed: dict[str, float]) -> None:
        assert crossed["cross_pose_error_deg_untouched"] > 1.5  # about 8 of yaw, over three angles
        assert crossed["cross_pose_error_deg"] < 0.6 * crossed["cross_pose_error_deg_untouched"]

    def test_all_else_is_there(self, crossed: dict[str, float]) -> None:
        assert 0 <= crossed["cross_openness_error"] < 0.6  # by lids that hardly tell of his eyes: r is under 0.8
        assert 0 <= crossed["cross_emotion_agreement"] <= 1
        assert 0 < crossed["cross_identity_dlib"] < 0.6  # still he
        assert crossed["cross_sync_own_distance"] > 0

    def test_emotions_agree_where_the_likeliest_is_the_same(self) -> None:
        happy, sad = np.eye(7, dtype=np.float32)[[3, 4]]
        assert (
            agreement(np.stack([happy, happy, sad, 0.6 * sad + 0.4 * happy]), np.stack([happy, sad, sad, sad])) == 0.75
        )


def test_a_clip_driven_by_its_own_speech_follows_itself(tools: Tools, held: Held) -> None:
    driven, video = drive_clip(tools, held, held)
    scores = drive_scores([driven])
    assert len(video) == len(held.mel)
    assert scores["lip_correlation"] > 0.8
    assert scores["lip_width_correlation"] > 0.6
    assert scores["lip_sync_share"] == 1.0
    assert 0 <= scores["lip_silence_ratio"] < 0.8  # he talks, and the lips are closed


def test_lips_are_most_shut_in_a_twentieth_of_the_frames(tools: Tools, held: Held) -> None:
    held = held.take(np.arange(5))
    mesh = np.zeros_like(held.mesh)
    mesh[:, OUTER_EYE_CORNERS[1], 0] = 1
    mesh[:, INNER_LIPS[1], 1] = np.arange(5)  # opening by opening: 0.2 is the twentieth, 2 the mean
    driven, _ = drive_clip(tools, replace(held, look=replace(held.look, mesh=mesh)), held)
    assert driven.shut == pytest.approx(0.1)


def test_one_held_out_clip_is_paired_with_none(
    tiny_model: Path, judges: Path, shards: Path, evaluate_params: EvaluateParams, tmp_path: Path
) -> None:
    scores, details = evaluate(shards, tiny_model, judges, None, tmp_path, evaluate_params)
    assert (details["n_clips"], details["n_pairs"], scores["lip_correlation"]) == (1, 0, None)
    assert details["witness_eye_openness_r"] > 0.5
    assert scores["emotion_moved"] > 0.3
    emotions = (tmp_path / outputs.EMOTIONS_FILE).read_text().splitlines()
    assert emotions[0] == "asked,angry,disgust,fear,happy,sad,surprise,neutral"
    assert len(emotions) == 1 + len(EMOTION_UNITS) + 1  # and of the frames as they are
    assert len((tmp_path / LOOP_FILE).read_text().splitlines()) == 1 + 4 * 2 * evaluate_params.sweep_frames
    assert cv2.imread(str(tmp_path / SHEET_FILE)) is not None
    assert cv2.imread(str(tmp_path / HEADS_FILE)) is not None
    assert (tmp_path / outputs.PAIRS_FILE).read_text() == "source,giver\n"
    sweep = (tmp_path / "sweep_pitch_deg.csv").read_text().splitlines()
    assert (sweep[0], len(sweep)) == ("asked,measured,perfect", 3)
    assert "other to be paired" in (tmp_path / outputs.REASONS_FILE).read_text()
    systems = json.loads((tmp_path / outputs.SYSTEMS_FILE).read_text())
    assert systems["EAMM"] == {"n_clips": 0, "reason": "no usable release", "scores": {}}
    assert systems["copied source"]["scores"]["ssim_crop"] < 1
    matrix = list(csv.DictReader((tmp_path / outputs.MATRIX_FILE).read_text().splitlines()))
    assert all(0 < float(row["identity_dlib"]) < 0.6 for row in matrix)  # still he
    assert float(matrix[0]["yaw_deg"]) == pytest.approx(scores["yaw_deg_slope"], abs=0.001)
    (worst,) = (tmp_path / outputs.VIDEOS).glob("*.mp4")
    clip = next(csv.DictReader((tmp_path / outputs.CLIPS_FILE).read_text().splitlines()))
    assert worst.name == f"01-{clip['clip_id']}.mp4"


@pytest.fixture
def two_clips(shards: Path, held_out: Sample, tmp_path: Path) -> Path:
    """Shards whose held-out clip is there twice: whole, and under another name for some frames less."""
    folder, n = shutil.copytree(shards, tmp_path / "shards"), held_out.n_frames - 4
    crops = list(decode_crops(held_out))[:n]
    write_video(tmp_path / "short.mp4", crops, CLIP_FPS, crf=5)
    some = slice(n)
    short = replace(
        held_out,
        clip_id="short",
        crops_mp4=(tmp_path / "short.mp4").read_bytes(),
        heads=held_out.heads[some],
        attributes=take_attributes(held_out.attributes, some),
        track=take(held_out.track, some),
    )
    with ShardWriter(str(folder / "validation-%06d.tar"), mtime=0, encoder=False, verbose=0) as writer:
        for sample in (held_out, short):
            writer.write(encode(sample))
    return folder


@pytest.mark.slow
def test_one_process_and_two_find_the_same(
    two_clips: Path,
    tiny_model: Path,
    judges: Path,
    evaluate_params: EvaluateParams,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TALKEDIT_ENGINE", "local")
    params, parts = (
        evaluate_params.model_copy(update={"max_clips": 2, "sweep_clips": 2, "sweep_frames": 2}),
        list[str](),
    )
    found = [evaluate(two_clips, tiny_model, judges, None, tmp_path / str(n), params, n, parts.append) for n in (1, 2)]
    assert found[0] == found[1]
    scores, details = found[0]
    assert (details["n_clips"], details["n_pairs"]) == (2, 1)
    assert scores["cross_pose_error_deg"] is not None
    assert scores["lip_correlation"] is not None
    files = [sorted(path.relative_to(tmp_path / n) for path in (tmp_path / n).rglob("*.*")) for n in "12"]
    assert files[0] == files[1]
    assert all((tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes() for name in files[0])
    assert [part for part in parts if part in PARTS] == [*PARTS, *PARTS]


@pytest.mark.parametrize(
    ("n", "most", "wanted"),
    [(15, 4, [0, 5, 9, 14]), (5, 3, [0, 2, 4]), (3, 3, [0, 1, 2]), (2, 8, [0, 1]), (4, 1, [0])],
)
def test_of_too_many_clips_some_are_taken_from_the_first_to_the_last(n: int, most: int, wanted: list[int]) -> None:
    assert evenly_spread(list(range(n)), most) == wanted


def test_real_faces_agree_with_their_codes(tools: Tools, held: Held) -> None:
    factor, offset = lids_to_openness(lid_opening(held.mesh), held.footage.attributes.eye_openness, least_r=0)
    assert factor > 0
    assert abs(factor * 0.3 + offset) < 2
    assert np.corrcoef(tools.lids(held.footage), held.footage.attributes.eye_openness)[0, 1] > 0.5


def test_lids_are_read_so_that_noise_flattens_nothing() -> None:
    openness = np.array([0.1, 0.1, 0.9, 0.9], np.float32)
    lids = 0.1 + 0.2 * openness + np.array([0.02, -0.02, 0.02, -0.02], np.float32)
    assert lids_to_openness(lids, openness) == pytest.approx((5, -0.5), rel=1e-5)
    assert np.isnan(lids_to_openness(lids, np.full_like(openness, 0.5))).all()  # nobody blinked
    assert np.isnan(lids_to_openness(lids[[0, 2, 1, 3]], openness)).all()  # r = -0.12: it does not see these eyes


def test_eyes_are_shut_below_the_middle_of_the_most_shut_and_the_usual_ones() -> None:
    lids = np.array([0.1, 0.3, 0.3, np.nan, 0.5, 0.3])
    mesh = np.zeros((6, N_POINTS, 3), np.float32)
    for _, p2, p3, p4, _, _ in EYES:
        mesh[:, p4, 0] = 1
        mesh[:, [p2, p3], 1] = lids[:, None]
    assert shut_below([mesh[:2], mesh[2:]]) == pytest.approx(0.2)  # of 0.1 and 0.3
