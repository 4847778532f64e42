"""Profiles: named sets of numbers that are laid over params.yaml, whose comments and order stay."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from talkedit.asset_list import ASSETS, Asset
from talkedit.assets import cached_path
from talkedit.curate.rules import CurateParams
from talkedit.edit.timeline import EditParams
from talkedit.errors import ParamsError
from talkedit.evaluate.settings import EvaluateParams
from talkedit.face.choose import FacesParams
from talkedit.face.crop import CropParams
from talkedit.face.extract import AttributesParams
from talkedit.manifest import write_atomically
from talkedit.media.download import DownloadParams
from talkedit.media.segment import SegmentParams
from talkedit.models.build import ModelParams
from talkedit.models.losses import LossParams
from talkedit.params import Section, parse
from talkedit.shards.writer import ShardsParams
from talkedit.train.discriminator import DiscriminatorParams
from talkedit.train.generator import TrainParams

PROFILES = Path("profiles")
PERSON = "person"
SCHEMAS: tuple[type[Section], ...] = (
    DownloadParams,
    SegmentParams,
    CropParams,
    FacesParams,
    AttributesParams,
    CurateParams,
    ShardsParams,
    ModelParams,
    DiscriminatorParams,
    TrainParams,
    LossParams,
    EvaluateParams,
    EditParams,
)


class Change(NamedTuple):
    """One value that a profile changed.

    Attributes:
        name: Its dotted name.
        old: What it was; None where there was none.
        new: What it is.
    """

    name: str
    old: Any
    new: Any


def list_profiles(folder: Path = PROFILES) -> dict[str, str]:
    """Names of the profiles in a folder, each with the first line of its comment."""
    files = sorted(folder.glob("*.yaml"))
    return {file.stem: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for file in files}


def apply_profile(name: str, params_file: Path, folder: Path = PROFILES) -> list[Change]:
    """Lays a profile over a params file, if what comes out is sound; otherwise the file stays as it is.

    Args:
        name: Of a file in `folder`, without its ending.
        params_file: The file that is changed.
        folder: Where the profiles lie.

    Returns:
        What changed, in the profile's order; empty if the file had all of it already.

    Raises:
        ParamsError: There is no such profile, a file is no YAML of sections, or a value is refused by its schema.
    """
    known = list_profiles(folder)
    if name not in known:
        held = ", ".join(known) or "none: run from the folder that holds params.yaml"
        raise ParamsError(f"{name!r} is not a profile; the known ones are {held}")
    document = _read(params_file)
    overlay = _read_sections(folder / f"{name}.yaml")
    for section in overlay:
        if section != PERSON and not isinstance(document.get(section, {}), dict):
            raise ParamsError(f"{params_file}: {section} is not a section with keys; take the one of the repository")
    changes = _lay_over(document, overlay)
    text = _write(document)
    values = yaml.safe_load(text)
    for schema in SCHEMAS:
        parse(schema, values.get(schema.section), where=f"{params_file} with the profile {name}")
    if changes:
        write_atomically(params_file, text.encode())
    return changes


def missing_weights(name: str, folder: Path = PROFILES) -> list[Asset]:
    """The assets that a profile asks for and that are not in the cache, by name; params call them by their names.

    Raises:
        ParamsError: As `apply_profile`.
    """
    sections = [values for values in _read_sections(folder / f"{name}.yaml").values() if isinstance(values, dict)]
    values = [value for section in sections for value in section.values()]
    wanted = {each for asset in ASSETS.values() if asset.name in values for each in (asset.name, *asset.needs)}
    return [ASSETS[each] for each in sorted(wanted) if not cached_path(each).is_file()]


def _lay_over(document: dict[str, Any], overlay: dict[str, Any]) -> list[Change]:
    changes = []
    for section, values in overlay.items():
        if section == PERSON:
            changes += _set(document, PERSON, values, PERSON)
            continue
        below = document.setdefault(section, {})
        for key, new in values.items():
            changes += _set(below, key, new, f"{section}.{key}")
    return changes


def _set(document: dict[str, Any], key: str, new: Any, name: str) -> list[Change]:
    """Sets one value; the change, if it is one."""
    old = document.get(key)
    if key in document and old == new:
        return []
    document[key] = new
    return [Change(name, old, new)]


def _read_sections(path: Path) -> dict[str, Any]:
    """A profile: nothing but sections that have a schema, and whose it is where it is one person's."""
    overlay = _read(path)
    sections = [schema.section for schema in SCHEMAS]
    for name, values in overlay.items():
        if name == PERSON and isinstance(values, str):
            continue
        if name not in sections or not isinstance(values, dict):
            raise ParamsError(f"{path}: {name} is not a section with keys; the known ones are {', '.join(sections)}")
    return overlay


def _read(path: Path) -> dict[str, Any]:
    """A file of sections, with its comments."""
    try:
        document = _yaml().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read ({error.strerror}); run from the folder that holds it") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ParamsError(f"{path}: should hold sections such as 'model:', but holds {type(document).__name__}")
    return document


def _write(document: dict[str, Any]) -> str:
    buffer = io.StringIO()
    _yaml().dump(document, buffer)
    return buffer.getvalue()


def _yaml() -> YAML:
    """A reader and writer that leaves lines long, and null written out."""
    round_trip = YAML()
    round_trip.width = 4096
    round_trip.preserve_quotes = True
    round_trip.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return round_trip
