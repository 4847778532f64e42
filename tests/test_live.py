"""Curves in files, and a machine that cannot keep any."""

import json
import sys
from pathlib import Path

import pytest

from talkedit.live import LiveCurves, live_curves
from talkedit.train.curves import NoCurves


def draw(folder: Path, first: int, steps: list[int]) -> None:
    curves = live_curves(folder)
    curves.begin(first)
    for step in steps:
        curves.add({"loss": step / 2, "twice": 2.0 * step}, step)
    curves.end()


def curve(folder: Path, name: str = "loss") -> list[tuple[int, float]]:
    header, *rows = (folder / "plots" / "metrics" / f"{name}.tsv").read_text().splitlines()
    assert header == f"step\t{name}"
    return [(int(step), float(value)) for step, value in (row.split("\t") for row in rows)]


def test_points_are_drawn_at_their_steps(tmp_path: Path) -> None:
    draw(tmp_path, 0, [2, 4, 5])
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0), (5, 2.5)]
    assert curve(tmp_path, "twice")[0] == (2, 4.0)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"loss": 2.5, "twice": 10.0, "step": 5}


def test_a_fresh_run_draws_fresh_curves(tmp_path: Path) -> None:
    draw(tmp_path, 0, [2, 4, 6])
    draw(tmp_path, 0, [2, 4])
    assert [step for step, _ in curve(tmp_path)] == [2, 4]


def test_points_past_the_last_state_are_drawn_once(tmp_path: Path) -> None:
    draw(tmp_path, 0, [2, 4, 6])
    with (tmp_path / "plots" / "metrics" / "loss.tsv").open("a") as file:
        file.write("1")  # killed in the middle of a line
    draw(tmp_path, 5, [6, 7])
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0), (6, 3.0), (7, 3.5)]


def test_a_run_that_goes_on_after_its_last_step_keeps_all_points(tmp_path: Path) -> None:
    draw(tmp_path, 0, [2, 4])
    before = (tmp_path / "metrics.json").read_bytes()
    draw(tmp_path, 4, [])
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0)]
    assert (tmp_path / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("left", ["", "step\tlo"])
def test_a_curve_that_a_full_disk_left_empty_has_no_points(tmp_path: Path, left: str) -> None:
    draw(tmp_path, 0, [2, 4])
    (tmp_path / "plots" / "metrics" / "loss.tsv").write_text(left)
    draw(tmp_path, 4, [6])
    assert curve(tmp_path) == [(6, 3.0)]
    assert curve(tmp_path, "twice") == [(2, 4.0), (4, 8.0), (6, 12.0)]


def test_a_summary_that_a_full_disk_left_empty_is_written_anew(tmp_path: Path) -> None:
    draw(tmp_path, 0, [2, 4])
    (tmp_path / "metrics.json").write_text("")
    draw(tmp_path, 4, [6])
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0), (6, 3.0)]
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"loss": 3.0, "twice": 12.0, "step": 6}


def without_dvclive(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dvclive", "dvclive.live"):
        monkeypatch.setitem(sys.modules, module, None)


def test_without_dvclive_there_is_one_line_and_no_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(live_curves(tmp_path), LiveCurves)
    without_dvclive(monkeypatch)
    assert isinstance(live_curves(tmp_path), NoCurves)
    message = capsys.readouterr().err
    assert "dvclive is not installed" in message
    assert message.count("\n") == 1
    draw(tmp_path, 0, [2])
    assert [path.name for path in tmp_path.rglob("*")] == ["plots", "metrics"]  # what `dvc commit` asks for


def test_without_dvclive_the_curves_of_an_earlier_run_go_when_the_first_process_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path, 0, [2, 4])
    without_dvclive(monkeypatch)
    live_curves(tmp_path)  # as in the other processes, which never begin
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0)]
    draw(tmp_path, 0, [2])
    assert [path.name for path in tmp_path.rglob("*")] == ["plots", "metrics"]


def test_without_dvclive_a_run_that_goes_on_keeps_the_curves_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path, 0, [2, 4])
    without_dvclive(monkeypatch)
    draw(tmp_path, 4, [6])
    assert curve(tmp_path) == [(2, 1.0), (4, 2.0)]
    assert json.loads((tmp_path / "metrics.json").read_text())["step"] == 4
