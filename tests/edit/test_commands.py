"""`talkedit timeline show`, as typed."""

import signal
import sys
from pathlib import Path

import cv2
import pytest

from talkedit.cli import main
from talkedit.edit.commands import STOPPED
from talkedit.errors import ParamsError
from talkedit.media import rewrite


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["talkedit", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    if ended.value.code:
        raise ParamsError(str(ended.value.code))


def test_a_timeline_is_drawn_over_what_was_measured_with_a_warning(
    untrained: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "turn.yaml").write_text("yaw: +40@0.5..\nkeep: [..0.2]\n")
    run(monkeypatch, "timeline", "show", tmp_path / "turn.yaml", second, "-o", tmp_path / "t.png", "-m", untrained)
    first, warning = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / 't.png'}: 19 of 30 frames would be edited"
    assert warning.startswith("warning: yaw ")
    assert "the model's footage shows -12 to 12" in warning
    picture = cv2.imread(str(tmp_path / "t.png"))
    assert picture.shape[1] == 1200
    asked_for = (picture == (91, 73, 209)).all(axis=2)  # the asked curve's colour, BGR
    assert asked_for.sum() > 500


def test_a_picture_that_cannot_be_written_is_said_first(
    untrained: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParamsError, match=r"t\.jpg: give the name of a \.png file"):
        run(monkeypatch, "timeline", "show", "turn.yaml", second, "-o", tmp_path / "t.jpg", "-m", untrained)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--take", "pose"), "give --reference too"),
        (("--align", "stretch"), "give --reference too"),
        (("--no-provenance", "--certificate", "chain.pem"), "--no-provenance signs nothing"),
        (("--no-provenance", "--key", "key.pem"), "--no-provenance signs nothing"),
        (("--signing-algorithm", "ps256"), "give --certificate and --key too"),
        (("--no-provenance", "--signing-algorithm", "ps256"), "give --certificate and --key too"),
    ],
)
def test_what_would_be_ignored_is_refused(
    untrained: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str], sentence: str
) -> None:
    with pytest.raises(ParamsError, match=sentence):
        run(monkeypatch, "edit", second, "-o", tmp_path / "out.mp4", "-m", untrained, "--yaw=+3", *options)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_it_on_the_way_leaves_nothing_and_is_told(
    untrained: Path,
    second: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stopped_by: signal.Signals,
) -> None:
    """Ctrl-C, `kill` or a closed window, at the fifth frame that is to be encoded."""
    before = signal.getsignal(stopped_by)
    make_frame, calls, out = rewrite.from_planes, [], tmp_path / "out.mp4"

    def stopped_at_the_fifth(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 5:
            signal.raise_signal(stopped_by)
        return make_frame(*arguments, **named)

    monkeypatch.setattr(rewrite, "from_planes", stopped_at_the_fifth)
    monkeypatch.setattr(
        sys, "argv", ["talkedit", "edit", str(second), "-o", str(out), "-m", str(untrained), "--yaw=+3"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == STOPPED
    assert capsys.readouterr().err.splitlines()[-1] == f"stopped: {out} was not written; run the same again"
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(stopped_by) == before
