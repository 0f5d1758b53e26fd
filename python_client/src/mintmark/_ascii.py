"""Text for OpenCV's fonts, which hold ASCII alone."""

import unicodedata

# What Unicode does not decompose into an ASCII letter and an accent, with its spelling.
_PAIRS = """
ß ss  æ ae  œ oe  ø o  ł l  đ d  ð d  þ th  ı i
€ EUR  £ GBP  ¥ JPY  ₩ KRW  ₽ RUB  ₹ INR  ¢ c
– -  — -  ‘ '  ’ '  “ "  ” "  « "  » "  · .  × x  ⁄ /
α a  β v  γ g  δ d  ε e  ζ z  η i  θ th  ι i  κ k  λ l  μ m  ν n  ξ x  ο o  π p  ρ r  σ s  ς s  τ t  υ y  φ f  χ ch
ψ ps  ω o
а a  б b  в v  г g  д d  е e  ж zh  з z  и i  й i  к k  л l  м m  н n  о o  п p  р r  с s  т t  у u  ф f  х kh  ц ts
ч ch  ш sh  щ shch  ъ '  ы y  ь '  э e  ю yu  я ya  і i  є ie  ґ g
"""  # noqa: RUF001
_WORDS = _PAIRS.split()
_SPELLED = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))


def ascii_text(text: str) -> str:
    """The text in ASCII: accents dropped, Greek and Cyrillic spelled out, '?' for each letter of other scripts."""
    return "".join(map(_spell, unicodedata.normalize("NFKC", text)))


def _spell(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0]
    for candidate in (letter, base):
        if candidate.isascii():
            return candidate
        if candidate.lower() in _SPELLED:
            spelled = _SPELLED[candidate.lower()]
            return spelled if candidate == candidate.lower() else spelled.capitalize()
    return "" if unicodedata.combining(letter) else "?"
