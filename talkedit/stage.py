"""What every stage script does around its one call: turn errors into one sentence, write metrics, say what it took."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically


def run_stage(main: Callable[[], None]) -> None:
    """Runs `main`; an error that talkedit raised on purpose is printed as one line and ends with status 1.

    Time and memory are printed, and are no metrics: they differ from run to run, and DVC would see a change.
    """
    began_s = time.monotonic()
    try:
        main()
        print(f"took {time.monotonic() - began_s:.1f} s{_peak_memory()}", file=sys.stderr)
    except TalkeditError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; run it again to go on from what was finished")


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Writes a flat metrics file for `dvc metrics`, keys in the order given, floats to six significant digits."""
    rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in metrics.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(rounded, indent=2) + "\n").encode())


def _peak_memory() -> str:
    """The most memory that this process had, and the largest of those that it started; nothing on Windows."""
    try:
        import resource  # noqa: PLC0415 (Windows has none)
    except ImportError:
        return ""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    own, largest = (
        resource.getrusage(who).ru_maxrss * unit / 1e6 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts in ru_maxrss what the process that started this one had
        lines = status.read_text(encoding="utf-8").splitlines()
        own = next((int(line.split()[1]) * unit / 1e6 for line in lines if line.startswith("VmHWM:")), own)
    others = f" here, {largest:.0f} MB in the largest of its processes" if largest else ""
    return f"; peak memory {own:.0f} MB{others}"
