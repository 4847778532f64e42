"""Timelines in files: three formats, one meaning; and what is no timeline is one sentence."""

import random
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from talkedit.edit.curves import ask
from talkedit.edit.moments import Clock
from talkedit.edit.timeline import Timeline
from talkedit.edit.timeline_file import read_timeline
from talkedit.errors import ParamsError
from talkedit.records import Attributes

YAML = """# a nod, a turn to the left and back
yaw:
  - {at: 0, value: +0, then: smooth}
  - {at: 00:00:01:12, value: +12}
pitch: +-5@0.5..1.5
emotion: {happy: 0.7}
blinks:
  - {at: 2.4, for: 0.2}
presets:
  - preset: nod
    at: 45f
keep: [2.8..]
"""
JSON = """{"yaw": [{"at": 0, "value": "+0", "then": "smooth"}, {"at": "00:00:01:12", "value": "+12"}],
"pitch": "+-5@0.5..1.5", "emotion": {"happy": 0.7}, "blinks": [{"at": "2.4", "for": 0.2}],
"presets": [{"preset": "nod", "at": "45f"}], "keep": ["2.8.."]}"""
CSV = "time,yaw,pitch,then,blink\n0,+0,,smooth,\n1.5,+12,3,,\n2.4,,,,0.2\n"
N_FUZZED, N_FUZZED_SLOWLY = 500, 10_000
CLOCK = Clock(np.arange(100) / 25, 25.0)
STILL = Attributes(np.zeros((100, 3), np.float32), np.full((100, 7), 1 / 7, np.float32), np.ones(100, np.float32))
LIMIT_S = 0.5  # for one file of a few hundred bytes; 0.01 is usual


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_yaml_and_json_mean_the_same(tmp_path: Path) -> None:
    """Above all, +12 adds in YAML too, where it would be the number 12 to other readers."""
    read = read_timeline(write(tmp_path / "a.yaml", YAML))
    assert read == Timeline(
        yaw=[{"at": "0", "value": "+0", "then": "smooth"}, {"at": "00:00:01:12", "value": "+12"}],
        pitch="+-5@0.5..1.5",
        emotion="happy=0.7",
        blinks=[{"at": "2.4", "for": 0.2}],
        presets=[{"preset": "nod", "at": "45f"}],
        keep=["2.8.."],
    )
    assert read_timeline(write(tmp_path / "a.json", JSON)) == read


def test_csv_is_a_table_of_keyframes(tmp_path: Path) -> None:
    assert read_timeline(write(tmp_path / "a.csv", CSV)) == Timeline(
        yaw=[{"at": "0", "value": "+0", "then": "smooth"}, {"at": "1.5", "value": "+12"}],
        pitch=[{"at": "1.5", "value": "3"}],
        blinks=[{"at": "2.4", "for": "0.2"}],
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", "yaw: 3", "its name must end in .yaml, .json or .csv"),
        ("a.yaml", "- 3", "should hold names such as 'yaw:'"),
        ("a.yaml", "yaw: 61", "yaw is 61: give degrees"),
        ("a.yaml", "yaw: 3\nyaw: 4", "'yaw' stands there twice"),
        ("a.yaml", "a: &a [1]\nyaw: *a", r"references \(\*name\) are not taken"),
        ("a.yaml", "yaw: !!python/object:os.system x", "cannot be understood: could not determine a constructor"),
        (
            "a.yaml",
            "yaw: !!timestamp x",
            r"cannot be understood: a tag \(!!\.\.\.\) stands before what it does not fit",
        ),
        ("a.yaml", "yaw: !!bool x", r"cannot be understood: a tag \(!!\.\.\.\) stands before what it does not fit"),
        ("a.yaml", "[" * 100_000, "is nested too deeply"),
        ("a.yaml", b"\xff\xfe\x00yaw", "cannot be understood: "),
        ("a.yaml", "yaw: 3\n" + "#" * 2_000_000, "has more than 2 MB"),
        ("a.json", '{"yaw": 3, "yaw": 4}', "'yaw' stands there twice"),
        ("a.json", "[" * 100_000, "is nested too deeply"),
        ("a.json", '{"yaw": NaN}', "yaw is nan"),
        ("a.csv", "yaw,pitch\n1,2\n", "has the columns yaw, pitch: give time and any of"),
        ("a.csv", "time,jaw\n1,2\n", "has the columns time, jaw: give time and any of"),
        ("a.csv", "time,yaw, yaw\n1,2,3\n", "'yaw' stands there twice; name each once"),
        ("a.csv", "time,yaw,yaw_deg\n1,2,3\n", "'yaw' stands there twice; name each once"),
        ("a.csv", "time,time,yaw\n1,2,3\n", "'time' stands there twice; name each once"),
        ("a.csv", "time,yaw\n1,2,3\n", "line 2 has another number of cells"),
        ("a.csv", "", "has the columns of no table"),
    ],
)
def test_what_is_no_timeline_is_said(tmp_path: Path, name: str, content: str | bytes, sentence: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ParamsError, match=rf"{name}: .*{sentence}"):
        read_timeline(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        read_timeline(tmp_path / "none.yaml")


@pytest.mark.parametrize("n_files", [N_FUZZED, pytest.param(N_FUZZED_SLOWLY, marks=pytest.mark.slow)])
def test_random_files_are_refused_in_a_sentence(tmp_path: Path, n_files: int) -> None:
    """Bytes at random, and a good file with a few bytes changed; nothing but a timeline or a ParamsError comes out.

    What is a timeline is also worked out for a video of 4 s.
    """
    rng, n_read, slowest_s = random.Random(0), 0, 0.0  # noqa: S311
    for number in range(n_files):
        content = bytearray(rng.choice([YAML, JSON, CSV]).encode() if number % 2 else rng.randbytes(rng.randrange(200)))
        for _ in range(rng.randrange(1, 8)):
            place = rng.randrange(len(content) + 1)
            content[place : place + rng.randrange(2)] = rng.randbytes(1)
        path = write(tmp_path / rng.choice(["a.yaml", "a.json", "a.csv"]), bytes(content))
        begin_s = time.perf_counter()
        try:
            timeline = read_timeline(path)
            n_read += 1
            with suppress(ParamsError):  # as of two keyframes at one time
                ask(timeline, STILL, CLOCK)
        except ParamsError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
        slowest_s = max(slowest_s, time.perf_counter() - begin_s)
    assert n_read < n_files / 2
    assert slowest_s < LIMIT_S
