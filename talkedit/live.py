"""Live curves by DVCLive, for the stages; training itself gets by without DVC."""

import json
import sys
from pathlib import Path

from talkedit.manifest import write_atomically
from talkedit.train.curves import Curves, NoCurves

CURVES = Path("plots", "metrics")  # DVCLive's own; what dvc.yaml names
SUMMARY = "metrics.json"  # likewise DVCLive's: the last points


def live_curves(folder: Path) -> Curves:
    """Curves in `folder`; on a machine without DVCLive one line that there are none, and their empty folder.

    With that, `dvc commit` takes over what such a machine has trained.
    """
    try:
        import dvclive.live  # noqa: F401, PLC0415 (takes a second, and is not on every machine that trains)
    except ImportError:
        sys.stderr.write("dvclive is not installed: the run is trained and measured, but keeps no curves\n")
        (folder / CURVES).mkdir(parents=True, exist_ok=True)
        return NoLiveCurves(folder)
    return LiveCurves(folder)


class NoLiveCurves(NoCurves):
    """Keeps nothing; curves of an earlier run do not pass for those of this one.

    Args:
        folder: Where curves of an earlier run may lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, step: int) -> None:
        """Removes them, as DVCLive would; a run that goes on keeps those of its first steps."""
        if step == 0:
            for file in (*(self._folder / CURVES).rglob("*.tsv"), self._folder / SUMMARY):
                file.unlink(missing_ok=True)


class LiveCurves:
    """Curves in the files that `dvc plots` reads.

    Args:
        folder: Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, step: int) -> None:
        """Opens the curves, shortened to `step`."""
        from dvclive.live import Live  # noqa: PLC0415 (as above)

        self._forget_after(step)
        resume = step > 0
        self._live = Live(str(self._folder), resume=resume, save_dvc_exp=False, dvcyaml=None, monitor_system=False)

    def add(self, values: dict[str, float], step: int) -> None:
        """Draws and writes the next points."""
        self._live.step = step
        for name, value in values.items():
            self._live.log_metric(name, value, plot=True)
        self._live.make_summary()

    def end(self) -> None:
        """Closes the curves."""
        self._live.end()

    def _forget_after(self, step: int) -> None:
        """Takes off the curves what a killed run had drawn past its checkpoint: the run will pass there again."""
        for curve in (self._folder / CURVES).rglob("*.tsv"):
            header, *points = curve.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
            if not header.endswith("\n"):  # a full disk left no points; DVCLive writes a header where there is no file
                curve.unlink()
                continue
            kept = [point for point in points if point.endswith("\n") and int(point.split("\t")[0]) <= step]
            write_atomically(curve, "".join([header, *kept]).encode())
        summary = self._folder / SUMMARY
        if summary.exists() and not _is_json(summary):  # likewise; DVCLive would stop at it
            summary.unlink()


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
