"""What is asked for is found again: signs, sizes and tables of the closed loop, from end to end."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talkedit.evaluate import metrics
from talkedit.evaluate.examine import EvaluateParams, Examiner
from talkedit.evaluate.footage import load_sources
from talkedit.evaluate.sheet import Row
from talkedit.models.build import build_generator
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel, load_model

CONTROLS = ("yaw_deg", "pitch_deg", "roll_deg", "eye_openness")
# By geometry alone. A turn of the wrong sign gives a negative slope, one that is not drawn 0.
LEAST_SLOPE = {"yaw_deg": 0.6, "roll_deg": 0.6, "pitch_deg": 0.4, "eye_openness": 0.3}
MOST_SLOPE = 1.4
# Sources are the very frames that are drawn: what is left is resampling.
LEAST_SSIM_OF_ITSELF, MOST_LMD_OF_ITSELF_PX = 0.999, 0.05

Examined = tuple[Examiner, list[Row]]


@pytest.fixture(scope="module")
def examined(tiny_model: Path, held_out: Sample, evaluate_params: EvaluateParams) -> Examined:
    """The held-out clip with itself as sources, drawn by a network that has learned nothing and shows guided ones."""
    model = load_model(tiny_model)
    fresh = replace(model, generator=build_generator(model.params).eval())
    examiner = Examiner(fresh, evaluate_params)
    return examiner, examiner.examine(held_out, load_sources([held_out], 1000, held_out.track.size_px))


def test_geometry_alone_does_what_is_asked_in_sign_and_size(examined: Examined) -> None:
    scores = examined[0].control_scores()
    slopes = {control: scores[f"{control}_slope"] for control in CONTROLS}
    assert all(slopes[control] > least for control, least in LEAST_SLOPE.items()), slopes
    assert all(slope < MOST_SLOPE for slope in slopes.values()), slopes
    assert scores["closed_loop_detection_rate"] == 1.0


def test_the_sheet_has_both_ends_of_every_sweep(examined: Examined) -> None:
    rows = examined[1]
    assert len(rows) == 2
    ends = [f"{angle} {sign}8" for angle in ("yaw", "pitch", "roll") for sign in "-+"]
    assert list(rows[0].pictures) == ["held out", "drawn again", *ends, "eyes 0.2", "eyes 0.8"]
    held_out, left = rows[0].pictures["held out"], rows[0].pictures["yaw +8"]
    assert np.array_equal(left[0], held_out[0])  # outside the mask
    middle = slice(held_out.shape[0] // 3, 2 * held_out.shape[0] // 3)
    assert np.abs(left[middle, middle].astype(int) - held_out[middle, middle]).mean() > 3


def test_a_clip_that_is_its_own_source_is_drawn_as_it_is(examined: Examined) -> None:
    scores = examined[0].reconstruction_scores()
    assert scores["ssim_in_mask"] > LEAST_SSIM_OF_ITSELF
    assert scores["ssim_in_mask_nearest_frame"] == pytest.approx(1)
    assert scores["ssim_in_mask_gain"] == pytest.approx(scores["ssim_in_mask"] - 1)
    assert scores["detection_rate"] == 1.0
    assert 0 <= scores["lmd_m_px256"] < MOST_LMD_OF_ITSELF_PX
    assert 0 <= scores["lmd_f_px256"] < MOST_LMD_OF_ITSELF_PX


def test_the_tables_numbers_give_the_scores_again(examined: Examined) -> None:
    scores, table = examined[0].control_scores(), list(csv.DictReader(io.StringIO(examined[0].loop_table())))
    assert len(table) == len(CONTROLS) * 2 * 4  # values, frames
    for control in CONTROLS:
        points = [(float(row["asked"]), float(row["measured"])) for row in table if row["control"] == control]
        asked, measured = zip(*points, strict=True)
        assert metrics.slope(asked, measured) == pytest.approx(scores[f"{control}_slope"], abs=0.01)
        assert metrics.mean_absolute_error(asked, measured) == pytest.approx(scores[f"{control}_error"], abs=0.01)
    assert {row["asked"] for row in table if row["control"] == "eye_openness"} == {"0.2", "0.8"}


def test_what_could_not_be_measured_is_none_in_the_scores_and_empty_in_the_table(
    model: TrainedModel, evaluate_params: EvaluateParams
) -> None:
    examiner = Examiner(model, evaluate_params)
    examiner._loop += [("yaw_deg", -5.0, float("nan")), ("yaw_deg", 5.0, float("nan"))]
    examiner._loop += [("roll_deg", -4.0, -2.0), ("roll_deg", 0.0, 0.0), ("roll_deg", 4.0, 2.0)]
    examiner._scores += [(10, {"detection_rate": 0.5, "lmd": float("nan")}), (30, {"detection_rate": 1.0, "lmd": 2.0})]
    scores = examiner.control_scores()
    assert (scores["yaw_deg_slope"], scores["yaw_deg_error"]) == (None, None)
    assert scores["roll_deg_slope"] == pytest.approx(0.5)
    assert scores["roll_deg_error"] == pytest.approx(4 / 3)
    assert scores["closed_loop_detection_rate"] == pytest.approx(0.6)
    assert examiner.loop_table().splitlines() == [
        "control,asked,measured",
        "yaw_deg,-5,",
        "yaw_deg,5,",
        "roll_deg,-4,-2",
        "roll_deg,0,0",
        "roll_deg,4,2",
    ]
    assert examiner.reconstruction_scores()["detection_rate"] == pytest.approx(0.875)  # weighted by frames
