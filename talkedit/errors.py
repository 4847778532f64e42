"""Every error that talkedit raises on purpose.

A message is one sentence that a person can act on: what went wrong, where, and what to do next.
The command line and the stages print it without a traceback and exit with status 1.
"""

from pathlib import Path
from typing import Any


class TalkeditError(Exception):
    """Base of all errors that are the input's or the machine's fault, not a bug of talkedit."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come out of worker processes whole: as they are, not by calling the class with the message again."""
        return _as_it_was, (type(self), self.args, self.__dict__)


class ParamsError(TalkeditError):
    """A value in params.yaml, sources.yaml or on the command line that cannot be used."""


class MediaError(TalkeditError):
    """A media file that cannot be read, written or used."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)
        self.problem = problem


class AssetError(TalkeditError):
    """Weights or a sample file that cannot be fetched, or are not what they should be."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"asset {name}: {problem}")
        self.name = name
        self.problem = problem


class ModelError(TalkeditError):
    """A model folder or checkpoint that cannot be loaded, or does not fit what is asked of it."""


class ClipRejected(TalkeditError):
    """A clip that cannot be used. It becomes a row in a table, not the end of a run.

    Attributes:
        reason: A short stable word to count by, such as ``no_face``.
        detail: A sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _as_it_was(kind: type[TalkeditError], args: tuple[Any, ...], attributes: dict[str, Any]) -> TalkeditError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error
