"""Fits, shifts and events with answers that can be worked out by hand."""

import numpy as np
import pytest

from talkedit.evaluate.signals import Matches, correlation, events, fit, match_events, offset_frames


class TestFit:
    def test_a_line_gives_its_slope_and_intercept(self):
        found = fit([-8, 0, 8], [-1, 3, 7])
        assert found == pytest.approx((0.5, 3, 1, (7 + 3 + 1) / 3, 3))

    def test_scatter_is_fitted_by_least_squares(self):
        # x - mean = (-1, 0, 1), y - mean = (-2, 1, 1): (2 + 0 + 1) / (1 + 0 + 1).
        assert fit([0, 1, 2], [0, 3, 3]).slope == pytest.approx(1.5)

    def test_a_control_that_does_nothing_or_the_opposite(self):
        assert fit([-8, 8], [2, 2]).slope == 0
        assert fit([-8, 8], [8, -8]).slope == -1

    def test_what_could_not_be_measured_is_left_out(self):
        found = fit([-8, 0, 8], [-6, np.nan, 10])
        assert (found.slope, found.error, found.n) == pytest.approx((1, 2, 2))

    def test_no_answer_without_two_different_questions(self):
        assert np.isnan(fit([8, 8], [1, 2]).slope)
        assert np.isnan(fit([-8, 8], [np.nan, 1]).slope)
        assert np.isnan(fit([1], [np.nan]).error)

    def test_different_lengths_are_refused(self):
        with pytest.raises(ValueError, match="cannot be compared"):
            fit([1, 2], [1])


def test_correlation_by_hand():
    # Deviations (-1, 0, 1) and (-1, 1, 0): 1 / 2.
    assert correlation([0, 1, 2], [0, 2, 1]) == pytest.approx(0.5)
    assert np.isnan(correlation([0, 1], [3, 3]))


@pytest.mark.parametrize("shift", [-3, 0, 2])
def test_a_late_signal_has_a_positive_offset(shift):
    wanted = np.random.default_rng(0).normal(size=40)
    assert offset_frames(wanted, np.roll(wanted, shift), most=5) == shift


def test_a_signal_that_does_not_vary_is_past_every_offset():
    assert offset_frames(np.arange(20), np.ones(20), most=5) == 6


class TestEvents:
    def test_runs_have_a_first_frame_and_one_after_the_last(self):
        assert events(np.array([1, 0, 0, 1, 1, 0, 1], bool)) == [(0, 1), (3, 5), (6, 7)]
        assert events(np.zeros(4, bool)) == []

    def test_events_match_one_to_one(self):
        wanted, got = [(10, 14), (30, 33), (50, 52)], [(12, 13), (13, 15), (52, 54), (80, 81)]
        # (30, 33) is missed; the second of the two in (10, 14) and (80, 81) are extra; (52, 54) is one frame late.
        assert match_events(wanted, got, slack=1) == Matches(found=2, missed=1, extra=2)
        assert match_events(wanted, got, slack=0) == Matches(found=1, missed=2, extra=3)

    def test_an_early_event_matches_as_a_late_one_does(self):
        assert match_events([(10, 14)], [(7, 10)], slack=1) == Matches(found=1, missed=0, extra=0)
        assert match_events([(10, 14)], [(7, 9)], slack=1) == Matches(found=0, missed=1, extra=1)

    def test_f1(self):
        assert Matches(2, 1, 2).f1 == pytest.approx(4 / 7)
        assert np.isnan(Matches(0, 0, 0).f1)
