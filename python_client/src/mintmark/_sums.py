"""What coins are worth together."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from mintmark._types import FoundCoin

_MOST_DIGITS = 28  # of a denomination before or after the point; more could not be added exactly


def denominations(coins: Sequence[FoundCoin]) -> dict[str, str]:
    """The sum of the known coins' denominations by currency, such as {'euro': '2.50'}.

    A denomination that is no number is counted by itself: {'1/2 crown pound': '1 piece'}.
    """
    numbers: dict[str, Decimal] = {}
    others: Counter[str] = Counter()
    for coin in coins:
        if coin.known and coin.matches:
            entry = coin.matches[0].entry
            if (value := _number(entry.denomination)) is not None:
                numbers[entry.currency] = numbers.get(entry.currency, Decimal()) + value
            else:
                others[f"{entry.denomination} {entry.currency}"] += 1
    sums = {currency: str(total) for currency, total in numbers.items()}
    return sums | {name: f"{count} piece{'' if count == 1 else 's'}" for name, count in others.items()}


def _number(denomination: str) -> Decimal | None:
    try:
        value = Decimal(denomination)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS else None
