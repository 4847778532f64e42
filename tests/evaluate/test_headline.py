"""Few numbers first, the others beside them, none lost."""

from talkedit.evaluate.headline import HEADLINE, divide


def test_every_number_is_in_one_of_the_two() -> None:
    scores = {"yaw_deg_slope": 0.9, "yaw_deg_leak": 0.1, "roll_deg_leak": 0.3, "pitch_deg_leak": None, "n_clips": 2}
    headline, details = divide(scores, "sync_own")
    assert headline["yaw_deg_slope"] == 0.9
    assert headline["largest_leak"] == 0.3
    assert details == {"yaw_deg_leak": 0.1, "roll_deg_leak": 0.3, "pitch_deg_leak": None, "n_clips": 2}


def test_what_was_not_measured_keeps_its_place() -> None:
    headline, details = divide({}, "sync_own")
    assert len(headline) == len(HEADLINE) == 24
    assert set(headline.values()) == {None}
    assert details == {}


def test_who_scored_stands_in_the_name() -> None:
    scores = {"self_syncnet_confidence": 5.0, "self_syncnet_distance": 8.0}
    headline, details = divide(scores, "syncnet")
    assert headline["self_syncnet_confidence"] == 5.0
    assert "self_sync_own_confidence" not in headline
    assert details == {"self_syncnet_distance": 8.0}
