"""Where a training's live curves go: the little that the loop asks of it."""

from typing import Protocol


class Curves(Protocol):
    """Takes named numbers over the steps of a run."""

    def begin(self, step: int) -> None:
        """The run begins, or goes on after `step` steps; what was drawn past that is of a run that was killed."""

    def add(self, values: dict[str, float], step: int) -> None:
        """The next point of each curve, after `step` steps."""

    def end(self) -> None:
        """The run has ended, or was stopped."""


class NoCurves:
    """Keeps nothing."""

    def begin(self, step: int) -> None:
        """Nothing to do."""

    def add(self, values: dict[str, float], step: int) -> None:
        """Nothing to do."""

    def end(self) -> None:
        """Nothing to do."""
