"""A contact sheet: what a person judges at a glance."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from talkedit.manifest import write_atomically
from talkedit.records import Image

CELL_PX = 224
HEADER_PX = 26


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        title: Says which frame it is.
        pictures: By the name of the column, (S, S, 3) uint8 RGB.
    """

    title: str
    pictures: dict[str, Image]


def write_sheet(path: Path, rows: list[Row]) -> None:
    """Writes the rows below each other as a PNG, each picture under its name."""
    sheet = np.concatenate([_draw(row) for row in rows])
    _, png = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_atomically(path, png.tobytes())


def _draw(row: Row) -> Image:
    cells = [
        _cell(name if at else f"{name}: {row.title}", image) for at, (name, image) in enumerate(row.pictures.items())
    ]
    return np.concatenate(cells, axis=1)


def _cell(text: str, image: Image) -> Image:
    header = np.full((HEADER_PX, CELL_PX, 3), 255, np.uint8)
    cv2.putText(header, text, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([header, cv2.resize(image, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA)]).astype(
        np.uint8
    )
