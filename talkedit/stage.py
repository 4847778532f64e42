"""What every stage script does around its one call: turn errors into one sentence, and write its metrics."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically


def run_stage(main: Callable[[], None]) -> None:
    """Runs `main`; an error that talkedit raised on purpose is printed as one line and ends with status 1."""
    try:
        main()
    except TalkeditError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; run it again to go on from what was finished")


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Writes a flat metrics file for `dvc metrics`, keys in the order given, floats to six significant digits."""
    rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in metrics.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(rounded, indent=2) + "\n").encode())
