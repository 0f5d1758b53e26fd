"""The request parameters of a search, read and checked."""

from collections.abc import Mapping

from ensemble.contract import DEFAULT_K, MAX_K

K = "k"
FORWARDED_HEADERS = ("authorization",)  # Triton hands these request headers to the models as parameters, in any case


class ParameterError(ValueError):
    """A request parameter, or a text input, is unknown or out of its range; the message says which range."""


def search_k(parameters: Mapping[str, object]) -> int:
    """How many matches a request asks for.

    Raises:
        ParameterError: k is no whole number from 1 to MAX_K, or there is a parameter besides it.
    """
    unknown = sorted(name for name in parameters if name != K and name.lower() not in FORWARDED_HEADERS)
    if unknown:
        raise ParameterError(f"unknown filter or parameter {', '.join(unknown)}; a search takes: {K}")
    k = parameters.get(K, DEFAULT_K)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_K:
        raise ParameterError(f"{K} is {k!r}; it must be a whole number from 1 to {MAX_K}")
    return k
