"""What a stage script does around its one call."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from talkedit.errors import MediaError, TalkeditError
from talkedit.stage import run_stage, write_metrics


@pytest.mark.parametrize("error", [TalkeditError("no face in a.mp4"), MediaError("a.mp4", "no face")])
def test_an_error_on_purpose_is_one_line_and_status_1(error: TalkeditError) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as stopped:
        run_stage(main)
    assert stopped.value.code == f"error: {error}"  # a text as the code: printed to stderr, status 1


def test_ctrl_c_is_no_traceback() -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match="stopped; run it again"):
        run_stage(main)


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: print(1 // 0))


def test_it_says_how_long_it_took_and_how_much_memory() -> None:
    """In processes of their own: memory that was once had counts for good."""
    script = (
        "import subprocess, sys; from talkedit.stage import run_stage; "
        "hold = lambda n: [sys.executable, '-c', f'held = b\"x\" * {n}']; "
        "run_stage(lambda: subprocess.run(hold(300_000_000), check=True))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    told = re.fullmatch(r"took [\d.]+ s; peak memory (\d+) MB here, (\d+) MB in the largest .*\n", done.stderr)
    assert told
    assert int(told[1]) < 300 <= int(told[2]) < 400


def test_metrics_have_six_digits_and_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "metrics.json"
    write_metrics(path, {"z": 1 / 3, "a": 123456789.0, "n": 123456789, "none": None, "name": "x"})
    assert path.read_text().splitlines()[1] == '  "z": 0.333333,'
    assert json.loads(path.read_text()) == {"z": 0.333333, "a": 123457000.0, "n": 123456789, "none": None, "name": "x"}
    assert list(json.loads(path.read_text())) == ["z", "a", "n", "none", "name"]
