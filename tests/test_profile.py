"""Profiles: what they change in params.yaml, and that they change nothing else."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from talkedit.assets import cached_path
from talkedit.cli import main
from talkedit.closure import PROJECT_ROOT
from talkedit.errors import ParamsError
from talkedit.models.build import ModelParams
from talkedit.params import SECTIONS, load_section
from talkedit.profile import PROFILES, SCHEMAS, apply_profile, list_profiles, missing_weights

FOLDER = PROJECT_ROOT / PROFILES


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(PROJECT_ROOT / "params.yaml", tmp_path / "params.yaml"))


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A folder for profiles that a test makes up."""
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


def comments(text: str) -> list[str]:
    """The comment of each line, and an empty string where it has none."""
    return [line.partition("#")[2] for line in text.splitlines()]


@pytest.mark.parametrize("name", ["paper", "wav2lip"])
def test_the_file_has_the_profile_s_numbers_then_and_all_others_as_they_were(params: Path, name: str) -> None:
    before = yaml.safe_load(params.read_text())
    asked = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    changes = apply_profile(name, params, FOLDER)
    after = yaml.safe_load(params.read_text())
    for section, values in asked.items():
        assert after[section] == before[section] | values
    assert {section: after[section] for section in after if section not in asked} == {
        section: before[section] for section in before if section not in asked
    }
    found = {
        f"{section}.{key}": (before[section][key], value)
        for section, values in asked.items()
        for key, value in values.items()
        if before[section][key] != value
    }
    assert {change.name: (change.old, change.new) for change in changes} == found


@pytest.mark.parametrize("name", ["paper", "wav2lip"])
def test_comments_order_and_untouched_lines_survive(params: Path, name: str) -> None:
    before = params.read_text()
    keys = {change.name.partition(".")[2] for change in apply_profile(name, params, FOLDER)}
    after = params.read_text()
    assert comments(after) == comments(before)
    for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
        key = old.partition(":")[0].strip()
        assert new.partition(":")[0].strip() == key
        assert old == new or key in keys


def test_laid_over_twice_changes_nothing_more(params: Path) -> None:
    assert apply_profile("paper", params, FOLDER)
    text = params.read_text()
    assert apply_profile("paper", params, FOLDER) == []
    assert params.read_text() == text


def test_the_baseline_at_the_paper_s_size(params: Path) -> None:
    apply_profile("paper", params, FOLDER)
    apply_profile("wav2lip", params, FOLDER)
    model = load_section(params, ModelParams)
    assert (model.kind, model.attributes, model.image_px) == ("wav2lip", [], 256)


@pytest.mark.parametrize("name", ["wav2lip", "256px", "gpu", "quick"])
def test_the_paper_s_model_and_training_are_the_same_whatever_was_laid_before(params: Path, name: str) -> None:
    apply_profile("paper", params, FOLDER)
    alone = training_of(params)
    shutil.copyfile(PROJECT_ROOT / "params.yaml", params)
    apply_profile(name, params, FOLDER)
    assert training_of(params) != alone
    apply_profile("paper", params, FOLDER)
    assert training_of(params) == alone
    assert training_of(FOLDER / "paper.yaml") == alone, "a number that the profile does not name"


def training_of(file: Path) -> dict[str, dict[str, object]]:
    """The numbers that decide a model, by section."""
    sections = yaml.safe_load(file.read_text())
    aside = {"seed", "log_every_n_steps"}
    return {
        name: {key: value for key, value in sections[name].items() if key not in aside}
        for name in ("model", "discriminator", "train", "loss")
    }


def test_each_section_is_checked() -> None:
    assert {schema.section for schema in SCHEMAS} == set(SECTIONS) - {"person"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model:\n  image_px: 97\n", r"params.yaml with the profile odd: model\.image_px is 97: .*power of two"),
        ("model:\n  kind: wav2lip\n", r"model\.attributes is .* must be \[\] where model\.kind is wav2lip"),
        ("model:\n  colour: red\n", r"model\.colour is not a parameter"),
        ("loss:\n  lambda_s: 0.1\nmodle:\n  width: 8\n", r"odd.yaml: modle is not a section with keys; .*model"),
        ("model: 3\n", r"odd.yaml: model is not a section with keys"),
        ("- model\n", r"odd.yaml: should hold sections"),
        ("model: [\n", r"odd.yaml: is not valid YAML"),
    ],
)
def test_a_profile_that_cannot_be_changes_nothing(params: Path, profiles: Path, text: str, sentence: str) -> None:
    before = params.read_bytes()
    (profiles / "odd.yaml").write_text(text)
    with pytest.raises(ParamsError, match=sentence):
        apply_profile("odd", params, profiles)
    assert params.read_bytes() == before
    assert sorted(path.name for path in params.parent.iterdir()) == ["params.yaml", "profiles"]


def test_a_profile_that_is_not_there_is_said_with_those_that_are(params: Path, profiles: Path) -> None:
    with pytest.raises(ParamsError, match=r"^'papr' is not a profile; the known ones are 256px, .*, wav2lip$"):
        apply_profile("papr", params, FOLDER)
    with pytest.raises(ParamsError, match=r"none: run from the folder that holds params\.yaml"):
        apply_profile("paper", params, profiles)


def test_a_profile_may_say_whose_it_is(params: Path, profiles: Path) -> None:
    (profiles / "mine.yaml").write_text("person: me\ntrain:\n  seed: 7\n")
    changes = apply_profile("mine", params, profiles)
    assert [(change.name, change.new) for change in changes] == [("person", "me"), ("train.seed", 7)]
    assert yaml.safe_load(params.read_text())["person"] == "me"
    assert apply_profile("mine", params, profiles) == []


@pytest.mark.parametrize("section", ["train:\n", "train: 3\n"])
def test_a_section_of_params_without_keys_is_named(tmp_path: Path, section: str) -> None:
    (tmp_path / "params.yaml").write_text(f"{section}loss: {{}}\n")
    with pytest.raises(ParamsError, match=r"params\.yaml: train is not a section with keys"):
        apply_profile("quick", tmp_path / "params.yaml", FOLDER)
    assert (tmp_path / "params.yaml").read_text().startswith(section)


def test_params_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: cannot be read"):
        apply_profile("paper", tmp_path / "none.yaml", FOLDER)


def test_each_profile_says_what_it_is() -> None:
    known = list_profiles(FOLDER)
    assert list(known) == ["256px", "gpu", "grid_s1", "lieu", "paper", "quick", "wav2lip"]
    assert known["paper"].startswith("The paper's networks and training")


def test_the_command(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(FOLDER, tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    assert any(line.startswith("paper: The paper's networks") for line in _said(["profile"], monkeypatch, capsys))
    said = _said(["profile", "wav2lip"], monkeypatch, capsys)
    assert "model.kind: talkedit -> wav2lip" in said
    assert "model.attributes: ['pose', 'emotion', 'blink'] -> []" in said
    assert yaml.safe_load(params.read_text())["model"]["kind"] == "wav2lip"
    assert _said(["profile", "wav2lip"], monkeypatch, capsys) == ["params.yaml has all of the profile wav2lip already"]


def test_weights_that_are_not_here_yet_are_said_at_once(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(FOLDER, tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["talkedit", "profile", "paper"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    said = capsys.readouterr().err
    assert "rmn (551.6 MB)" in said
    assert said.endswith("talkedit assets fetch hopenet rmn rmn_network vgg16_imagenet\n")
    hopenet = cached_path("hopenet")
    hopenet.parent.mkdir(parents=True)
    hopenet.write_bytes(b"there")
    assert [asset.name for asset in missing_weights("paper")] == ["rmn", "rmn_network", "vgg16_imagenet"]
    assert missing_weights("wav2lip") == []


def _said(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["talkedit", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out.splitlines()
