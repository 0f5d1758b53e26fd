"""The number of users over time."""

import pytest

from loadtest.locust.shapes import SHAPES, ramp, soak, spike, steady


def test_steady_has_all_users_always() -> None:
    assert {steady(part / 10, 6.0 * part, 8) for part in range(10)} == {8}


def test_a_ramp_goes_up_to_all_users() -> None:
    users = [ramp(part / 100, part, 20) for part in range(100)]
    assert users == sorted(users)
    assert (users[0], users[-1]) == (2, 20)


def test_a_spike_comes_and_goes() -> None:
    assert [spike(part, 0.0, 20) for part in (0.0, 0.39, 0.5, 0.59, 0.61, 0.99)] == [5, 5, 20, 20, 5, 5]


def test_a_soak_breathes() -> None:
    assert {soak(0.5, seconds, 8) for seconds in (0.0, 299.0, 600.0)} == {8}
    assert {soak(0.5, seconds, 8) for seconds in (301.0, 599.0, 901.0)} == {4}


@pytest.mark.parametrize("shape", SHAPES)
def test_there_is_always_a_user(shape: str) -> None:
    assert all(SHAPES[shape](part / 10, 100.0 * part, 1) == 1 for part in range(10))
