"""params.yaml against the schemas: every key is declared, and every declared key is read."""

import ast
import importlib
import typing

import pydantic
import pytest
import yaml

from talkedit.closure import PROJECT_ROOT
from talkedit.params import SECTIONS, Section, load_section

from . import source

PARAMS = PROJECT_ROOT / "params.yaml"
SCALARS = {"person"}


def _schemas() -> dict[str, type[Section]]:
    """Every schema in the package, by the name of its section."""
    for module in source.modules():
        if module != "talkedit.cli":
            importlib.import_module(module)
    found = [schema for schema in _below(Section) if schema.__module__.startswith("talkedit.")]
    assert len({schema.section for schema in found}) == len(found), "two schemas for one section"
    return {schema.section: schema for schema in found}


def _below(schema: type[Section]) -> list[type[Section]]:
    return [each for child in schema.__subclasses__() for each in (child, *_below(child))]


SCHEMAS = _schemas()
each_section = pytest.mark.parametrize("section", SCHEMAS)


def fields(model: type[pydantic.BaseModel]) -> dict[str, pydantic.fields.FieldInfo]:
    """The fields of a schema and of the models inside it, by their names."""
    found = dict(model.model_fields)
    for field in model.model_fields.values():
        for kind in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                found |= fields(kind)
    return found


def test_every_section_has_a_schema():
    assert set(SECTIONS) - SCALARS == set(SCHEMAS)


def test_the_file_has_every_section_and_no_other():
    assert set(yaml.safe_load(PARAMS.read_text(encoding="utf-8"))) == set(SECTIONS)


@each_section
def test_the_file_fits_its_schema(section):
    load_section(PARAMS, SCHEMAS[section])


@each_section
def test_every_value_says_what_it_is_and_has_no_second_default(section):
    wrong = [name for name, field in fields(SCHEMAS[section]).items() if not field.description]
    assert wrong == [], "add a description with the unit"
    wrong = [name for name, field in fields(SCHEMAS[section]).items() if not field.is_required()]
    assert wrong == [], "values live in params.yaml"


@each_section
def test_every_value_is_read(section):
    nodes = [node for file in source.all_files() for node in ast.walk(source.tree(file))]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    assert fields(SCHEMAS[section]).keys() - read == set()
