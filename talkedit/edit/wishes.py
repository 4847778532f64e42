"""What a control is to become: a value, so much more, so many times as much, or a blend of emotions."""

import math
import re
from dataclasses import dataclass

from talkedit.records import EMOTIONS

MAX_SCALE = 10.0
_FORM = re.compile(r"(\+|x)?(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d{1,3})?)", re.IGNORECASE)


@dataclass(frozen=True)
class Wish:
    """Asked is ``scale * measured + offset``, so a wish of one kind can pass over into one of another.

    Attributes:
        said: The words.
        scale: 0 where what was measured does not count, 1 where it stays.
        offset: One number, or one for each of `EMOTIONS`.
    """

    said: str
    scale: float
    offset: tuple[float, ...]

    @property
    def is_absolute(self) -> bool:
        """Whether it asks for the same whatever was measured."""
        return self.scale == 0


def as_it_is(n_columns: int) -> Wish:
    """The wish that changes nothing."""
    return Wish("+0", 1.0, (0.0,) * n_columns)


def parse_wish(said: object, low: float, high: float, what: str) -> Wish:
    """Reads ``12`` (this value), ``+12`` or ``+-12`` (so much more or less), ``x0.5`` (so many times as much).

    Args:
        said: A number, which is a value, or words.
        low: Lowest value.
        high: Highest value.
        what: What the values are, for the sentence.

    Raises:
        ValueError: It is none of these, or out of range.
    """
    if isinstance(said, Wish):
        return said
    text = str(said).strip()
    found = None if isinstance(said, bool) else _FORM.fullmatch(text)
    number = float(found[2]) if found else math.nan
    kind = found[1] if found else None
    if kind == "+" and abs(number) <= high - low:
        return Wish(text, 1.0, (number,))
    if kind in ("x", "X") and abs(number) <= MAX_SCALE:
        return Wish(text, number, (0.0,))
    if kind is None and low <= number <= high:
        return Wish(text, 0.0, (number,))
    advice = f"give {what}, or +N to add, +-N to take away (up to {high - low:g}), xN to multiply (up to {MAX_SCALE:g})"
    raise ValueError(f"is {text[:40]}: {advice}")


def parse_blend(said: object) -> Wish:
    """Reads ``happy`` or ``happy=0.7,surprise=0.3``; what the shares leave of 1 stays as measured, with ``+0`` all.

    Raises:
        ValueError: It names no emotion or one twice, or the shares are below 0 or above 1 together.
    """
    if isinstance(said, Wish):
        return said
    if str(said).strip() == "+0":
        return as_it_is(len(EMOTIONS))
    parts = said.items() if isinstance(said, dict) else (_share(part) for part in str(said).split(","))
    shares: dict[str, float] = {}
    for name, share in parts:
        if name not in EMOTIONS:
            raise ValueError(f"is {str(name)[:40]!r}: give one of {', '.join(EMOTIONS)}, or a blend: happy=0.7,sad=0.3")
        if name in shares:
            raise ValueError(f"names {name} twice; name each once")
        shares[name] = _number(share)
    total = sum(shares.values())
    if not all(0 <= share <= 1 for share in shares.values()) or total > 1 + 1e-6:
        raise ValueError(f"has shares that make {total:g}: give each 0 to 1, and no more than 1 together")
    text = ",".join(f"{name}={share:g}" for name, share in shares.items())
    return Wish(text, max(round(1 - total, 9), 0.0), tuple(shares.get(name, 0.0) for name in EMOTIONS))


def _share(part: str) -> tuple[str, str]:
    name, sign, share = part.partition("=")
    return name.strip(), share.strip() if sign else "1"


def _number(share: object) -> float:
    try:
        return float(str(share))
    except ValueError:
        raise ValueError(f"has the share {str(share)[:40]!r}: give a number from 0 to 1") from None
