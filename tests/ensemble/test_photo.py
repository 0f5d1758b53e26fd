"""Every kind of photo file becomes the same upright RGB picture on the canvas."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ensemble.contract import CANVAS_SIZE, PHOTO_FORMATS
from ensemble.photo import decode
from tests import heif_files  # noqa: F401 (so that Pillow saves HEIF)

WIDTH, HEIGHT = 96, 64
RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 180, 60), (50, 60, 210), (120, 120, 120)  # corners, clockwise
ORIENTATION = 0x0112  # EXIF tag
LOSSY = 12  # 8-bit steps, largest difference in the middle of a flat corner after lossy compression


def corners(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture whose corners, clockwise from the top left, are red, green, blue and grey."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, width // 2 :], picture[height // 2 :, : width // 2] = BLUE, GREY
    return picture


def smooth(width: int, height: int) -> np.ndarray:
    """A picture with waves of some hundred pixels, no two directions alike."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = (np.sin(x / 61), np.cos(y / 83), np.sin((x + 2 * y) / 97))
    return np.stack([(127 + 100 * wave).astype(np.uint8) for wave in waves], axis=2)


def encoded(image: Image.Image | np.ndarray, file_format: str, **options: object) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """The valid part of the canvas; everything else must be black."""
    photo = decode(data)
    assert photo.canvas.shape == (CANVAS_SIZE, CANVAS_SIZE, 3)
    assert (photo.canvas.dtype, photo.extent.dtype, photo.scale.dtype) == (np.uint8, np.int32, np.float32)
    assert (photo.extent.shape, photo.scale.shape) == ((2,), (1,))
    height, width = photo.extent
    assert not photo.canvas[height:].any() and not photo.canvas[:, width:].any()
    return photo.canvas[:height, :width]


def corner_colours(picture: np.ndarray) -> np.ndarray:
    """[4, 3] colours in the middle of the quarters, clockwise from the top left."""
    height, width = picture.shape[:2]
    top, bottom, left, right = height // 4, 3 * height // 4, width // 4, 3 * width // 4
    return np.stack([picture[top, left], picture[top, right], picture[bottom, right], picture[bottom, left]])


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_lossless_formats_arrive_unchanged(file_format: str, options: dict[str, object]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    photo = decode(encoded(picture, file_format, **options))
    assert photo.extent.tolist() == [HEIGHT, WIDTH]
    assert photo.scale.tolist() == [1.0]
    np.testing.assert_array_equal(pixels(encoded(picture, file_format, **options)), picture)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("JPEG", {"quality": 95, "subsampling": 2}),
        ("WEBP", {"quality": 95}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
    ],
)
def test_lossy_formats_keep_the_picture(file_format: str, options: dict[str, object]) -> None:
    picture = pixels(encoded(corners(), file_format, **options))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(corner_colours(picture).astype(int), [RED, GREEN, BLUE, GREY], atol=LOSSY)


def test_phone_jpeg_with_a_second_picture_in_it_gives_the_first() -> None:
    second = Image.fromarray(np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    picture = pixels(encoded(corners(), "MPO", save_all=True, append_images=[second], quality=95))
    np.testing.assert_allclose(corner_colours(picture).astype(int), [RED, GREEN, BLUE, GREY], atol=LOSSY)


@pytest.mark.parametrize("file_format", ["WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_counts(file_format: str) -> None:
    first, second = Image.fromarray(corners()), Image.fromarray(np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(first, file_format, save_all=True, append_images=[second], **options)
    np.testing.assert_array_equal(pixels(data), corners())


# Where the corners of the stored picture end up, by EXIF orientation: what stands top left, top right, bottom right,
# bottom left once the photo is upright (EXIF 2.3, section 4.6.4 A: the side that row 0 and column 0 are on).
UPRIGHT = {
    1: (RED, GREEN, BLUE, GREY),
    2: (GREEN, RED, GREY, BLUE),
    3: (BLUE, GREY, RED, GREEN),
    4: (GREY, BLUE, GREEN, RED),
    5: (RED, GREY, BLUE, GREEN),
    6: (GREY, RED, GREEN, BLUE),
    7: (BLUE, GREEN, RED, GREY),
    8: (GREEN, BLUE, GREY, RED),
}


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation: int, file_format: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = pixels(encoded(corners(), file_format, exif=exif))
    assert picture.shape[:2] == ((WIDTH, HEIGHT) if orientation >= 5 else (HEIGHT, WIDTH))
    np.testing.assert_allclose(corner_colours(picture).astype(int), UPRIGHT[orientation], atol=3 * LOSSY)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_exif_orientation_survives_the_change_of_mode(mode: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = Image.fromarray(corners()).convert(mode)
    picture = pixels(encoded(image, "JPEG", exif=exif, quality=95))
    upright = np.rot90(np.asarray(image.convert("RGB")), -1)
    np.testing.assert_allclose(corner_colours(picture).astype(int), corner_colours(upright).astype(int), atol=2 * LOSSY)


@pytest.mark.parametrize("kind", ["16 bits", "transparent"])
def test_exif_orientation_of_png_that_is_made_anew(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    gray = corners()[:, :, 0]
    stored = gray.astype(np.uint16) * 257 if kind == "16 bits" else np.dstack([gray] * 3 + [np.full_like(gray, 255)])
    expected = np.repeat(np.rot90(gray, -1)[..., None], 3, axis=2)
    np.testing.assert_allclose(pixels(encoded(stored, "PNG", exif=exif)).astype(int), expected, atol=1)


def test_an_orientation_that_does_not_exist_is_ignored() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 11
    np.testing.assert_array_equal(pixels(encoded(corners(), "PNG", exif=exif)), corners())


def test_transparency_becomes_white() -> None:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[: HEIGHT // 2], alpha[:, WIDTH // 2 :] = 0, 128
    picture = pixels(encoded(np.dstack([corners(), alpha]), "PNG"))
    np.testing.assert_array_equal(picture[0, 0], [255, 255, 255])
    half_blue = [round(255 + (value - 255) * 128 / 255) for value in BLUE]
    np.testing.assert_allclose(picture[-1, -1].astype(int), half_blue, atol=1)
    np.testing.assert_array_equal(picture[-1, 0], GREY)


def test_grey_with_transparency() -> None:
    values = np.dstack([np.full((8, 8), 90, np.uint8), np.repeat(np.array([[0, 255]], np.uint8), 4, 1).repeat(8, 0)])
    picture = pixels(encoded(Image.fromarray(values), "PNG"))
    np.testing.assert_array_equal(picture[0, 0], [255] * 3)
    np.testing.assert_array_equal(picture[0, -1], [90] * 3)


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (0, 0, 4, 8))
    picture = pixels(encoded(image, "PNG", transparency=0))
    np.testing.assert_array_equal(picture[0, 0], [255] * 3)
    np.testing.assert_array_equal(picture[0, -1], [40, 50, 60])


def test_rgb_with_a_transparent_colour() -> None:
    picture = pixels(encoded(corners(), "PNG", transparency=RED))
    np.testing.assert_array_equal(corner_colours(picture), [(255, 255, 255), GREEN, BLUE, GREY])


@pytest.mark.parametrize("file_format", PHOTO_FORMATS)
def test_grayscale(file_format: str) -> None:
    gray = cv2.cvtColor(corners(), cv2.COLOR_RGB2GRAY)
    picture = pixels(encoded(gray, file_format)).astype(int)
    np.testing.assert_allclose(corner_colours(picture)[:, 0], corner_colours(gray[..., None])[:, 0], atol=LOSSY)
    assert np.abs(picture - picture.mean(axis=2, keepdims=True)).max() <= 2  # no colour


def test_cmyk_jpeg() -> None:
    picture = pixels(encoded(Image.fromarray(corners()).convert("CMYK"), "JPEG", quality=95))
    np.testing.assert_allclose(corner_colours(picture).astype(int), [RED, GREEN, BLUE, GREY], atol=2 * LOSSY)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_gray_keeps_its_brightness(file_format: str) -> None:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    picture = pixels(encoded(ramp, file_format)).astype(float)
    np.testing.assert_allclose(picture, np.repeat(ramp[..., None] / 257.0, 3, axis=2), atol=1.0)


def test_16_bit_big_endian_tiff() -> None:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    picture = pixels(encoded(Image.fromarray(ramp.astype(">u2")), "TIFF")).astype(float)
    np.testing.assert_allclose(picture[..., 0], ramp / 257.0, atol=1.0)


def test_16_bit_colour_png() -> None:
    data = cv2.imencode(".png", (corners()[:, :, ::-1].astype(np.uint16) * 257))[1].tobytes()
    np.testing.assert_allclose(pixels(data).astype(int), corners().astype(int), atol=1)


def test_float_tiff() -> None:
    ramp = np.linspace(0, 1, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.float32)
    ramp[0, 0] = np.nan
    picture = pixels(encoded(ramp, "TIFF")).astype(float)
    np.testing.assert_allclose(picture[..., 1], np.nan_to_num(ramp) * 255, atol=1.0)


def test_one_bit_png() -> None:
    bits = (np.indices((9, 13)).sum(axis=0) % 2).astype(bool)
    picture = pixels(encoded(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(picture, np.repeat(bits[..., None] * np.uint8(255), 3, axis=2))


def test_one_pixel() -> None:
    photo = decode(encoded(np.full((1, 1, 3), 7, np.uint8), "PNG"))
    assert (photo.extent.tolist(), photo.scale.tolist(), photo.canvas.sum()) == ([1, 1], [1.0], 21)


@pytest.mark.parametrize(("width", "height"), [(5000, 1), (1, 5000)])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_one_line(width: int, height: int, file_format: str) -> None:
    photo = decode(encoded(np.full((height, width, 3), 99, np.uint8), file_format))
    assert photo.extent.tolist() == [min(height, CANVAS_SIZE), min(width, CANVAS_SIZE)]
    assert photo.scale[0] == pytest.approx(5000 / CANVAS_SIZE)
    np.testing.assert_allclose(photo.canvas[: photo.extent[0], : photo.extent[1]].astype(int), 99, atol=3)


@pytest.mark.parametrize("size", [(CANVAS_SIZE, 700), (1023, 1024), (300, 900)])
def test_a_photo_that_fits_is_not_resized(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    photo = decode(encoded(picture, "BMP"))
    assert photo.scale.tolist() == [1.0]
    np.testing.assert_array_equal(photo.canvas[: size[1], : size[0]], picture)


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (1025, 1024), (4100, 4099)])
@pytest.mark.parametrize("orientation", [1, 8])
def test_large_jpeg_equals_full_decoding_and_area_averaging(size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(smooth(*size), "JPEG", quality=92, exif=exif)
    full = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    full = np.rot90(full, 1) if orientation == 8 else full
    scale = max(size) / CANVAS_SIZE
    target = (round(full.shape[1] / scale), round(full.shape[0] / scale))
    photo = decode(data)
    assert photo.extent.tolist() == [target[1], target[0]]
    assert photo.scale[0] == pytest.approx(scale)
    expected = cv2.resize(full, target, interpolation=cv2.INTER_AREA).astype(float)
    difference = np.abs(pixels(data) - expected)
    assert difference.mean() < 1.0 and difference.max() < 12


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_large_photos_of_other_formats_are_averaged_down(file_format: str) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (600, 2048, 3), dtype=np.uint8)
    options = {"lossless": True} if file_format == "WEBP" else {}
    photo = decode(encoded(picture, file_format, **options))
    assert (photo.extent.tolist(), photo.scale.tolist()) == ([300, 1024], [2.0])
    averaged = picture.reshape(300, 2, 1024, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(photo.canvas[:300], averaged, atol=1.0)
