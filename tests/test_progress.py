import pytest

from talkedit.progress import progress_bar, track


def test_items_pass_through_in_order() -> None:
    assert list(track(["a", "b", "c"], "working", "items")) == ["a", "b", "c"]
    assert list(track(iter(range(3)), "working", "items", total=3)) == [0, 1, 2]
    assert list(track(iter(()), "working", "items")) == []


def test_the_bar_says_how_many_and_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(range(7), "cropping", "frames"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "cropping" in err
    assert "7/7" in err
    assert "frames/s" in err


def test_an_error_in_between_is_the_caller_s(capsys: pytest.CaptureFixture[str]) -> None:
    def items():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(track(items(), "working", "items", total=2))
    assert "1/2" in capsys.readouterr().err


def test_a_note_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as bar:
        task = bar.add_task("training", total=10, unit="images", note="")
        bar.update(task, advance=10, note="l1 0.0312")
    assert "l1 0.0312" in capsys.readouterr().err
