"""The number of users at each moment of a run."""

from collections.abc import Callable

RAMP_STEPS = 10
SPIKE = (0.4, 0.6)  # part of the run in which all users are there
SPIKE_GROUND = 0.25  # of the users, before and after
SOAK_PERIOD = 600.0  # s
SOAK_LOW = 0.5  # of the users, in the second half of each period


def steady(part: float, seconds: float, users: int) -> int:
    """All users from beginning to end."""
    return users


def ramp(part: float, seconds: float, users: int) -> int:
    """More and more users in RAMP_STEPS equal steps; all of them in the last step."""
    return max(1, round(users * min(RAMP_STEPS, 1 + int(part * RAMP_STEPS)) / RAMP_STEPS))


def spike(part: float, seconds: float, users: int) -> int:
    """A few users, suddenly all of them, then a few again."""
    return users if SPIKE[0] <= part < SPIKE[1] else max(1, round(users * SPIKE_GROUND))


def soak(part: float, seconds: float, users: int) -> int:
    """All users and half of them in turn, for long runs: buffers grow and shrink."""
    return users if seconds % SOAK_PERIOD < SOAK_PERIOD / 2 else max(1, round(users * SOAK_LOW))


# The number of users from: the part of the run that has passed (0 to 1), the seconds that have passed, the most users.
Profile = Callable[[float, float, int], int]
SHAPES: dict[str, Profile] = {each.__name__: each for each in (steady, ramp, spike, soak)}
