"""What the coded pictures of a HEIF or AVIF promise: their size, and how much there is to decode.

A decoder believes them, and not the boxes around them. HEVC: ITU-T H.265, sections 7.3.1 to 7.3.2; AV1: the AV1
bitstream specification, sections 5.3 to 5.5. Nothing is read beyond width and height.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SPS, _MOST_VCL = 33, 31  # types of NAL units: sequence parameters; slices have the lower ones
_SEQUENCE_OBU, _FRAME_OBUS = 1, (3, 6)
_MOST_BITS = 32  # of a number in Exp-Golomb code
_SPS_BYTES = 512  # in which the size stands


@dataclass
class Coded:
    """Pictures in one item.

    Attributes:
        sizes: width and height of each sequence header, px.
        pictures: of HEVC, or frames of AV1, hidden ones included.
        slices: of HEVC.
    """

    sizes: list[tuple[int, int]]
    pictures: int = 0
    slices: int = 0


def hevc(configuration: bytes, data: bytes, count: Callable[[], None]) -> Coded:
    """Of an item of type hvc1, by its property hvcC and its data.

    Args:
        configuration, data: bytes.
        count: called for each unit.

    Raises:
        IndexError: they are cut off.
    """
    coded = Coded([])
    for unit in _configured_units(configuration):
        count()
        _add_unit(coded, unit)
    length = (configuration[21] & 3) + 1
    at = 0
    while at + length < len(data):
        count()
        start = at + length
        at = start + int.from_bytes(data[at:start], "big")
        _add_unit(coded, data[start : min(at, start + _SPS_BYTES)])
    return coded


def av1(configuration: bytes, data: bytes, count: Callable[[], None]) -> Coded:
    """Of an item of type av01, by its property av1C and its data; see `hevc`."""
    coded = Coded([])
    for stream in (configuration[4:], data):
        for kind, payload in _open_bitstream_units(stream):
            count()
            coded.pictures += kind in _FRAME_OBUS
            if kind == _SEQUENCE_OBU:
                coded.sizes.append(_av1_size(payload))
    return coded


class _Bits:
    """Reads bits from the front. IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError("cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _MOST_BITS:
                raise IndexError("no number")
        return (1 << zeros) - 1 + self.read(zeros)


def _configured_units(configuration: bytes) -> Iterator[bytes]:
    """NAL units of a property hvcC (ISO 14496-15, section 8.3.3)."""
    at = 23
    for _ in range(configuration[22]):
        units = int.from_bytes(configuration[at + 1 : at + 3], "big")
        at += 3
        for _ in range(units):
            if at + 2 > len(configuration):
                raise IndexError("cut off")
            start = at + 2
            at = start + int.from_bytes(configuration[at:start], "big")
            yield configuration[start : min(at, start + _SPS_BYTES)]


def _add_unit(coded: Coded, unit: bytes) -> None:
    if len(unit) < 3 or unit[0] & 1 or unit[1] >> 3:  # cut off, or of a further layer, which is not decoded
        return
    kind = unit[0] >> 1 & 0x3F
    if kind <= _MOST_VCL:
        coded.slices += 1
        coded.pictures += unit[2] >> 7  # the first slice of a picture says so
    elif kind == _SPS:
        coded.sizes.append(_hevc_size(unit[2:].replace(b"\0\0\3", b"\0\0")))


def _hevc_size(sps: bytes) -> tuple[int, int]:
    """Width and height of a sequence parameter set."""
    bits = _Bits(sps)
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + 88 + 8)  # the profile, and the level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:  # chroma as large as luma
        bits.read(1)
    return bits.exp_golomb(), bits.exp_golomb()


def _open_bitstream_units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(stream):
        head = stream[at]
        at += 2 if head & 4 else 1
        size = len(stream) - at
        if head & 2:  # its size follows, in seven bits of each byte
            size = 0
            for place in range(8):
                size |= (stream[at] & 0x7F) << 7 * place
                at += 1
                if not stream[at - 1] & 0x80:
                    break
        yield head >> 3 & 15, stream[at : at + min(size, _SPS_BYTES)]
        at += size


def _av1_size(header: bytes) -> tuple[int, int]:
    """Width and height that a sequence header allows its frames."""
    bits = _Bits(header)
    bits.read(4)  # profile, still picture
    if bits.read(1):  # the short form of still pictures
        bits.read(5)
    else:
        _skip_operating_points(bits)
    widths, heights = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(widths) + 1, bits.read(heights) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    timing = bits.read(1)
    decoder_model = 0
    if timing:
        bits.read(64)
        if bits.read(1):  # equal intervals
            bits.exp_golomb()
        decoder_model = bits.read(1)
        if decoder_model:
            delay_bits = bits.read(5) + 1
            bits.read(42)
    delays = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:  # a high level has a tier
            bits.read(1)
        if decoder_model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if delays and bits.read(1):
            bits.read(4)
