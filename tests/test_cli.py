"""What a user types, and what they get back: a video, or one sentence and no file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from talkedit import __version__, assets
from talkedit.cli import main
from talkedit.media.video import read_frames

from .films import remake

FACE_TOO_SMALL = "scale=160:120,pad=640:480:240:180"  # the man's face is 152 px at full size, so 38 px


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def talkedit(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the command in this process, which has torch loaded already; exits mean what Python makes of them."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["talkedit", *map(str, arguments)])
        capfd.readouterr()
        status, last_words = 0, ""
        try:
            main()
        except SystemExit as end:
            status, last_words = (1, f"{end.code}\n") if isinstance(end.code, str) else (int(end.code or 0), "")
        out, err = capfd.readouterr()
        return Ended(status, out, err + last_words)

    return run


@pytest.fixture(scope="module")
def films(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of films that can and cannot be edited."""
    folder = tmp_path_factory.mktemp("films")
    good = remake(sample_clip, folder / "good.mp4", "-t", "0.4", "-c:a", "copy", "-movflags", "+faststart")
    remake(good, folder / "small.mp4", "-vf", FACE_TOO_SMALL)
    remake(good, folder / "sound.m4a", "-vn", codec=("-c:a", "copy"))
    remake(good, folder / "bars.mp4", "-vf", "drawbox=color=red:t=fill,drawgrid=w=64:h=48:color=white")
    (folder / "text.mp4").write_text("This is no film.\n" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    cv2.imwrite(str(folder / "picture.png"), next(read_frames(good)).image)
    (folder / "cut_off.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    return folder


def assert_refused(ended: Ended, sentence: str, left: Path) -> None:
    """One line that says so, and no file, not even a part of one."""
    lines = ended.err.splitlines()
    assert ended.status == 1
    assert lines[-1].startswith("error: "), ended.err
    assert sentence in lines[-1]
    assert [line for line in lines if "Traceback" in line or line.startswith("  File ")] == []
    assert sum("error" in line.lower() for line in lines) == 1
    assert ended.out == ""
    assert list(left.iterdir()) == []


@pytest.mark.parametrize(
    ("film", "sentence"),
    [
        ("none.mp4", "none.mp4: there is no such file"),
        ("text.mp4", "text.mp4: is not a video that can be read"),
        ("empty.mp4", "empty.mp4: is not a video that can be read"),
        ("picture.png", "picture.png: is text or a picture"),
        ("sound.m4a", "sound.m4a: has no video stream"),
        ("bars.mp4", "bars.mp4: no face was found"),
        ("small.mp4", "small.mp4: the face has"),
        ("cut_off.mp4", "cut_off.mp4: is damaged: "),
    ],
)
def test_a_film_that_cannot_be_edited_is_said(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path, film: str, sentence: str
) -> None:
    ended = talkedit("edit", films / film, "-o", tmp_path / "out.mp4", "-m", tiny_model, "--yaw", "8")
    assert_refused(ended, sentence, tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "nothing to change; give at least one of --yaw"),
        (["--emotion", "bored"], "emotion is 'bored': give one of angry, disgust"),
        (["--eye-openness", "2"], "eye openness is 2: give a value from 0 (closed) to 1 (open)"),
        (["--yaw", "nan"], "yaw is nan: give degrees"),
        (["--yaw", "90"], "yaw is 90: give degrees from -60 to 60"),
        (["--yaw", "40"], "yaw 40 degrees at 0.00 s: the model's footage shows"),
        (["--yaw", "8", "--preset", "warp"], "preset is 'warp': give one of ultrafast"),
    ],
)
def test_a_wish_that_cannot_be_met_is_said(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    ended = talkedit("edit", films / "good.mp4", "-o", tmp_path / "out.mp4", "-m", tiny_model, *options)
    assert_refused(ended, sentence, tmp_path)


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("out.avi", "out.avi: its name must end in one of .mp4, .mov, .mkv"),
        ("out", "out: its name must end in one of"),
        ("none/out.mp4", "out.mp4: its folder does not exist; make it first"),
    ],
)
def test_an_output_that_cannot_be_is_said(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path, out: str, sentence: str
) -> None:
    ended = talkedit("edit", films / "good.mp4", "-o", tmp_path / out, "-m", tiny_model, "--yaw", "8")
    assert_refused(ended, sentence, tmp_path)


def test_the_input_is_never_written_over(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    film = shutil.copyfile(films / "good.mp4", tmp_path / "film.mp4")
    ended = talkedit("edit", film, "-o", film, "-m", tiny_model, "--yaw", "8")
    assert_refused(ended, "film.mp4: is one of the inputs itself; name another output", tmp_path / "nothing")
    assert film.read_bytes() == (films / "good.mp4").read_bytes()


def spoil_card(model: Path) -> None:
    (model / "model.json").write_text('{"format": 1, "params":')


def spoil_params(model: Path) -> None:
    card = json.loads((model / "model.json").read_text())
    card["params"]["model"]["width"] = "wide"
    (model / "model.json").write_text(json.dumps(card))


def spoil_preparation(model: Path) -> None:
    card = json.loads((model / "model.json").read_text())
    del card["preparation"]["crop"]
    (model / "model.json").write_text(json.dumps(card))


def spoil_format(model: Path) -> None:
    (model / "model.json").write_text('{"format": 99}')


def spoil_weights(model: Path) -> None:
    weights = model / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def remove_weights(model: Path) -> None:
    (model / "generator.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, "is no model folder (No such file or directory); train one with `dvc repro`"),
        (spoil_card, "model.json: is damaged"),
        (spoil_params, "model.width is 'wide'"),
        (spoil_preparation, "model.json: is damaged"),
        (spoil_format, "is of format 99, this version reads 6; train again"),
        (spoil_weights, "generator.safetensors: cannot be read as weights"),
        (remove_weights, "generator.safetensors: cannot be read as weights"),
    ],
)
def test_a_model_that_cannot_be_used_is_said(
    talkedit: Callable[..., Ended],
    films: Path,
    tiny_model: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    sentence: str,
) -> None:
    (tmp_path / "out").mkdir()
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    spoil(model)
    ended = talkedit("edit", films / "good.mp4", "-o", tmp_path / "out" / "out.mp4", "-m", model, "--yaw", "8")
    assert_refused(ended, sentence, tmp_path / "out")


def test_weights_that_were_tampered_with_are_not_used(
    talkedit: Callable[..., Ended],
    films: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = {name: assets.fetch(name) for name in ("dlib_landmarks_68", "emotion_xception")}
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    for path in real.values():
        place = tmp_path / "cache" / path.parent.name
        place.mkdir(parents=True)
        (place / path.name).symlink_to(path)
    spoilt = tmp_path / "cache" / real["emotion_xception"].parent.name / real["emotion_xception"].name
    content = bytearray(spoilt.read_bytes())
    content[len(content) // 2] ^= 1
    spoilt.unlink()
    spoilt.write_bytes(content)
    ended = talkedit("edit", films / "good.mp4", "-o", tmp_path / "out" / "out.mp4", "-m", tiny_model, "--yaw", "8")
    assert_refused(ended, "asset emotion_xception: ", tmp_path / "out")
    assert "is not the file it should be; delete it" in ended.err


def test_an_edit_says_what_was_done(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    command = ("edit", films / "good.mp4", "-o", out, "-m", tiny_model, "--preset", "ultrafast")
    ended = talkedit(*command, "--yaw", "40", "--eye-openness", "0.3", "--force")
    assert ended.status == 0
    done, forced, report = ended.out.splitlines()
    assert done == f"{out}: 12 of 12 frames edited, sound copied"
    assert forced.startswith("forced: yaw 40 degrees at 0.00 s: ")
    assert report == f"report: {tmp_path / 'out.report.html'}"
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"out.mp4", "out.report.html", "out.report.json"}
    assert len(list(read_frames(out))) == 12


def test_what_is_left_of_a_damaged_film_is_edited_if_forced(
    talkedit: Callable[..., Ended], films: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    ended = talkedit("edit", films / "cut_off.mp4", "-o", out, "-m", tiny_model, "--roll", "0", "--force")
    assert ended.status == 0
    assert "the input is damaged: " in ended.out
    assert 0 < len(list(read_frames(out))) < 12


@pytest.mark.parametrize(
    "wrong", [("edit",), ("edit", "in.mp4"), ("edit", "in.mp4", "-o", "o.mp4", "--crf", "52"), ("fly",)]
)
def test_wrong_usage_is_status_2_and_shows_the_way(talkedit: Callable[..., Ended], wrong: tuple[str, ...]) -> None:
    ended = talkedit(*wrong)
    assert ended.status == 2
    assert "Usage: " in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", [("--help",), ("edit", "--help"), ("doctor", "--help")])
def test_help_teaches(talkedit: Callable[..., Ended], command: tuple[str, ...]) -> None:
    ended = talkedit(*command)
    assert ended.status == 0
    assert "Usage: " in ended.out


def test_the_version_is_printed_alone(talkedit: Callable[..., Ended]) -> None:
    assert talkedit("--version") == Ended(0, f"{__version__}\n", "")


def test_python_runs_it_as_a_module() -> None:
    ended = subprocess.run([sys.executable, "-m", "talkedit", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{__version__}\n"


def test_the_doctor_finds_this_machine_fit(talkedit: Callable[..., Ended]) -> None:
    ended = talkedit("doctor")
    assert ended.status == 0
    assert "ffmpeg" in ended.out
    assert "300-W" in ended.out


def test_the_installed_command_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    """As a shell sees it: the one test here through a process of its own."""
    command = [Path(sys.executable).parent / "talkedit", "edit", "none.mp4", "-o", "out.mp4", "--yaw", "8"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: models/sample/generator: is no model folder (No such file or directory); train one with `dvc repro`\n"
    )
