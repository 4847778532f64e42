"""`talkedit bench evaluate`: parts are told apart, and grow with the frames that they look at."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from talkedit.bench.commands import bench
from talkedit.bench.evaluate import (
    REST,
    Examined,
    Family,
    chosen_params,
    evaluate_rows,
    examine_apart,
    projected_minutes,
)
from talkedit.errors import TalkeditError
from talkedit.evaluate.examine import PARTS

from .. import tiny
from ..project import Project

LOOKING, DRAWING, GIVING, MOVING = PARTS
RUN = {
    "n_clips": 10,
    "n_pairs": 5,
    "frames_a_clip": 50.0,
    "seconds": {LOOKING: 2.0, DRAWING: 8.0, GIVING: 4.0, MOVING: 30.0, REST: 6.0},
    "cpu_s": {LOOKING: 1.0, DRAWING: 4.0, GIVING: 2.0, MOVING: 15.0, REST: 3.0},
}


def test_what_goes_by_clips_and_pairs_grows_with_their_frames() -> None:
    # Of 10 s for 500 frames of clips and 4 s for 250 of pairs come 150 and 120 s for 7,500; 6 s stay.
    assert projected_minutes(RUN) == pytest.approx((150 + 120 + 6) / 60)
    assert projected_minutes(RUN, "cpu_s") == pytest.approx((75 + 60 + 3) / 60)


def test_without_pairs_none_are_projected() -> None:
    assert projected_minutes(RUN | {"n_pairs": 0}) == pytest.approx((150 + 6) / 60)


def test_sweeps_are_apart() -> None:
    twice = RUN | {"seconds": {name: value / 2 for name, value in RUN["seconds"].items()}}  # type: ignore[attr-defined]
    *parts, whole = evaluate_rows([RUN, twice])
    assert [row["name"] for row in parts] == [*PARTS, REST]
    assert (parts[3]["seconds"], parts[3]["times_first"]) == ([30.0, 15.0], 2.0)
    assert (whole["seconds"], whole["cpu_s"]) == ([20.0, 10.0], [10.0, 10.0])


def test_a_part_is_timed_and_its_memory_is_seen() -> None:
    family, block = Family(), []
    with family:
        block.append(np.ones(25_000_000))  # 200 MB
        time.sleep(0.3)
        family.part_done(DRAWING)
        time.sleep(0.1)
    assert 0.3 <= family.seconds[DRAWING] < 5
    assert 0.1 <= family.seconds[REST] < 5
    assert set(family.cpu_s) == {DRAWING, REST}
    assert family.peak_mb > 200


def test_what_cannot_be_examined_is_said(tmp_path: Path) -> None:
    nothing = Examined(tmp_path, tmp_path, tmp_path, tiny.PARAMS_FILE, 1, 1)
    with pytest.raises(TalkeditError, match=r"cannot be examined: .*: is no model folder \(.*train one"):
        examine_apart(nothing, 1, tmp_path / "out")


def test_the_own_expert_judges_whatever_params_say(tmp_path: Path) -> None:
    sections = yaml.safe_load(tiny.PARAMS_FILE.read_text())
    sections["evaluate"]["sync"] = "syncnet"
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump(sections))
    chosen = chosen_params(Examined(tmp_path, tmp_path, tmp_path, params, n_clips=3, n_swept=1))
    assert (chosen.sync, chosen.n_pairs, chosen.max_clips, chosen.sweep_clips) == ("own", 3, 3, 1)


@pytest.mark.slow
def test_one_process_and_two_are_measured(tiny_project: Project, tmp_path: Path) -> None:
    data, models = (tiny_project.folder / name / "sample" for name in ("data", "models"))
    where = ["--shards", data / "shards", "-m", models / "generator", "--discriminator", models / "discriminator"]
    options = ["--params", tiny_project.folder / "params.yaml", "--clips", 1, "--json", tmp_path / "out.json"]
    command = [str(part) for part in ("evaluate", *where, *options)]
    ended = CliRunner().invoke(bench, command, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    content = json.loads((tmp_path / "out.json").read_text())
    assert [run["workers"] for run in content["runs"]] == [1, 2]
    assert all(minutes > 0 for minutes in content["projected_minutes"])
    assert all(100 < run["peak_mb"] < 4000 for run in content["runs"])
