"""The pairs: different clips, no pair twice, the same for the same seed."""

from talkedit.evaluate.protocol import Pair, draw_pairs, pairs_csv

CLIPS = [f"clip-{letter}" for letter in "abcdefghij"]


def test_as_many_as_wanted_all_different_and_never_with_itself() -> None:
    pairs = draw_pairs(CLIPS, 40, 0)
    assert len(set(pairs)) == 40
    assert all(pair.source != pair.giver for pair in pairs)


def test_all_where_fewer_are_there() -> None:
    assert draw_pairs(["b", "a"], 100, 5) == [Pair("a", "b"), Pair("b", "a")]
    assert len(draw_pairs(CLIPS, 1000, 0)) == 10 * 9
    assert draw_pairs(["a"], 100, 0) == []


def test_the_seed_decides_and_the_order_of_the_clips_does_not() -> None:
    assert draw_pairs(CLIPS[::-1], 20, 1) == draw_pairs(CLIPS, 20, 1)
    assert draw_pairs(CLIPS, 20, 2) != draw_pairs(CLIPS, 20, 1)


def test_the_file_has_a_line_a_pair() -> None:
    assert pairs_csv([Pair("a", "b")]) == "source,giver\na,b\n"
