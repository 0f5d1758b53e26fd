"""Every tensor that crosses a model boundary: named, typed and shaped here, once.

Shapes leave out the batch axis; -1 is an axis whose length the request decides. Photo pixels are those of the photo
as a person sees it, after EXIF rotation; canvas pixels are those of `CANVAS`. Pixel centres lie on whole numbers, as
in OpenCV: the first pixel spans -0.5 … 0.5.
"""

from dataclasses import dataclass
from enum import Enum

CANVAS_SIZE = 1024  # px, side of the square that every photo is placed on, top left
COARSE_SIZE = 128  # px, side of the picture of the whole photo, in which the coin is searched for
IMAGE_SIZE = 256  # px, side of the pictures of one coin
EMBEDDING_SIZE = 64
COIN_RADIUS = 120.0  # px, radius of the rectified coin, centred in IMAGE_SIZE x IMAGE_SIZE
MAX_BATCH = 32

# Network input is (rgb / 255 - mean) / std, so zero is the mean colour. It fills everything outside photo and coin.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)

# The relief map: how strong edges are, and which way they run, along rings of the coin.
RELIEF_RADII = 12  # rings, from near the centre to the rim
RELIEF_ORIENTATIONS = 5  # numbers that say strength and orientation of the edges at one place
RELIEF_HARMONICS = 20  # of each ring, along the angle
RELIEF_NUMBERS = 2 * RELIEF_RADII * RELIEF_ORIENTATIONS  # of one harmonic: real parts, then imaginary parts
# Outlines are a few pixels off, so a query is compared as it is, smaller, larger, and beside its centre.
RELIEF_TRIALS = (  # size of the coin, and its place in px to the right and down
    (1.0, 0.0, 0.0),
    (0.96, 0.0, 0.0),
    (1.04, 0.0, 0.0),
    (1.0, 4.0, 0.0),
    (1.0, -4.0, 0.0),
    (1.0, 0.0, 4.0),
    (1.0, 0.0, -4.0),
)
RELIEF_TRIES = len(RELIEF_TRIALS)

MASK_THRESHOLD = 0.5  # probability from which a pixel counts as coin

# What counts as found.
LEAST_PROBABILITY = 0.5  # that it is a coin
LEAST_DIAMETER = 24.0  # px of the photo; of less, nothing can be told
# What a catalog takes: nothing beyond the first number, and with a warning up to the second.
ENROLLED_PROBABILITY = (LEAST_PROBABILITY, 0.9)
ENROLLED_DIAMETER = (64.0, 100.0)  # px of the photo
ENROLLED_SHARPNESS = (0.35, 0.6)  # see catalog/service/fitness.py
ENROLLED_CUT = (0.75, 0.5)  # see CUT_OFF; a whole coin that touches the edge of its picture has up to 0.4

DEFAULT_K = 5
MAX_K = 1000  # entries
DEFAULT_CANDIDATES = 1000  # views that a search compares by their relief, unless request or server say otherwise
MAX_CANDIDATES = 10_000
METADATA_FILTER = "metadata."  # a filter by a key of the free metadata begins with this
MAX_MEGAPIXELS = 64.0
MOST_COINS = 64  # of one photo, where all are asked for
PHOTO_SUFFIXES = {  # by Pillow's names of the formats
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "AVIF": (".avif",),
}
PHOTO_FORMATS = tuple(PHOTO_SUFFIXES)
PHOTO_ENDINGS = tuple(suffix for suffixes in PHOTO_SUFFIXES.values() for suffix in suffixes)


class DType(Enum):
    """Element types, by the names of Triton's clients."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    INT32 = "INT32"
    FP32 = "FP32"
    BYTES = "BYTES"


@dataclass(frozen=True)
class Tensor:
    """One tensor: its name everywhere, its element type, its shape without the batch axis, and what it holds."""

    name: str
    dtype: DType
    dims: tuple[int, ...]
    doc: str


@dataclass(frozen=True)
class Model:
    """The interface of one model: what it takes and what it gives."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    doc: str

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ValueError(f"model {self.name} names a tensor twice: {names}")


_COARSE = (COARSE_SIZE, COARSE_SIZE)
_FINE = (IMAGE_SIZE, IMAGE_SIZE)

ENCODED = Tensor("encoded", DType.BYTES, (1,), f"photo file: {', '.join(PHOTO_FORMATS)}")
CANVAS = Tensor("canvas", DType.UINT8, (CANVAS_SIZE, CANVAS_SIZE, 3), "RGB photo, top left, black elsewhere")
EXTENT = Tensor("extent", DType.INT32, (2,), "height and width of the photo on the canvas, px")
SCALE = Tensor("scale", DType.FP32, (1,), "photo pixels per canvas pixel")
WINDOW = Tensor("window", DType.FP32, (4,), "square around the photo: x0, y0, x1, y1, canvas px, outer edges")
COARSE_IMAGE = Tensor("coarse_image", DType.FP32, (3, *_COARSE), "the window, normalized for the networks")
COARSE_MASK = Tensor(
    "coarse_mask", DType.FP32, (2, *_COARSE), "of the window: probability that a pixel is coin, and that it is a core"
)
ZOOM_WINDOW = Tensor("zoom_window", DType.FP32, (4,), "square around the coin, as `window`")
IMAGE = Tensor("image", DType.FP32, (3, *_FINE), "the zoom window, normalized for the networks")
MASK = Tensor("mask", DType.FP32, (2, *_FINE), "the same of the zoom window; a core is the middle of one coin")
COIN = Tensor("coin", DType.FP32, (3, *_FINE), "it as a circle of COIN_RADIUS, zero outside, normalized")
ELLIPSE = Tensor(
    "ellipse",
    DType.FP32,
    (5,),
    "rim of what may be a coin: cx, cy, semi-axes a >= b (photo px), angle of a (degrees, y down); all 0: nothing is",
)
COIN_PROBABILITY = Tensor(
    "coin_probability", DType.FP32, (1,), "probability that the middle of the zoom window shows a coin"
)
FOUND = Tensor("found", DType.FP32, (1,), "1 if the photo shows a coin, else 0")
CUT_OFF = Tensor(
    "cut_off", DType.FP32, (1,), "length along which the photo's edge cuts the coin, over the coin's; 0: not at all"
)
EMBEDDING = Tensor("embedding", DType.FP32, (EMBEDDING_SIZE,), "unit vector")
RELIEF = Tensor(
    "relief",
    DType.FP32,
    (RELIEF_TRIES, RELIEF_HARMONICS, RELIEF_NUMBERS),
    "relief map of each of RELIEF_TRIALS, unit length; the first is what a catalog keeps",
)
COIN_ID = Tensor("coin_id", DType.BYTES, (-1,), "ids of the k best entries, best first; '' fills up to k")
SCORE = Tensor("score", DType.FP32, (-1,), "probability that each shows the same face of the coin; -1 fills up to k")
COSINE = Tensor("cosine", DType.FP32, (-1,), "of the embeddings of photo and entry, -1 to 1; -1 fills up to k")
CORRELATION = Tensor(
    "correlation",
    DType.FP32,
    (-1,),
    "of their relief maps, -1 to 1; -2: not compared",
)
ANGLE = Tensor("angle", DType.FP32, (-1,), "degrees to turn the entry's picture by, clockwise, to lie as in the photo")
ENTRY = Tensor(
    "entry", DType.BYTES, (-1,), "each entry, with side and id of the view that matched, as JSON; '' fills up"
)
KNOWN = Tensor("known", DType.BOOL, (1,), "whether the best score says that the coin is in the catalog")
MARGIN = Tensor("margin", DType.FP32, (1,), "best score minus that of the next entry; a missing entry counts as 0")
METADATA = Tensor("metadata", DType.BYTES, (1,), "what to enroll, as a JSON object")
ENROLLED_ID = Tensor("enrolled_id", DType.BYTES, (1,), "id of the new entry")
WARNINGS = Tensor("warnings", DType.BYTES, (1,), "what is doubtful: about the photo, or photos that wait; a line each")
REQUEST = Tensor("request", DType.BYTES, (1,), "catalog operation and its arguments, as a JSON object")
COINS = Tensor("coins", DType.BYTES, (1,), "every coin of the photo, the largest first, as a JSON object")
RESPONSE = Tensor("response", DType.BYTES, (1,), "the operation's result, as a JSON object")

DECODE = Model("decode", (ENCODED,), (CANVAS, EXTENT, SCALE), "photo file to canvas")
PREPROCESS = Model("preprocess", (CANVAS, EXTENT), (WINDOW, COARSE_IMAGE), "whole photo, letterboxed, antialiased")
COARSE_SEGMENTATION = Model("coarse_segmentation", (COARSE_IMAGE,), (COARSE_MASK,), "where in the photo coins are")
ZOOM = Model(
    "zoom",
    (CANVAS, EXTENT, WINDOW, COARSE_MASK),
    (ZOOM_WINDOW, IMAGE),
    "a closer look at one coin: of those about as large as the largest, the most central",
)
SEGMENTATION = Model("segmentation", (IMAGE,), (MASK, COIN_PROBABILITY), "coin or background; whether it is a coin")
CROP = Model(
    "crop",
    (CANVAS, EXTENT, SCALE, ZOOM_WINDOW, MASK, COIN_PROBABILITY),
    (COIN, ELLIPSE, FOUND, CUT_OFF),
    "rectify the coin, drop the background",
)
EMBEDDER = Model("embedding", (COIN,), (EMBEDDING,), "coin to unit vector")
RELIEF_MAPPER = Model("relief", (COIN,), (RELIEF,), "coin to relief maps")
SEARCH = Model(
    "search",
    (EMBEDDING, RELIEF, FOUND),
    (COIN_ID, SCORE, ENTRY, KNOWN, MARGIN, COSINE, CORRELATION, ANGLE, WARNINGS),
    "catalog entries: candidates by cosine, verified by their relief",
)
ENROLL = Model(
    "enroll",
    (COIN, EMBEDDING, RELIEF, ELLIPSE, FOUND, COIN_PROBABILITY, CUT_OFF, METADATA),
    (ENROLLED_ID, WARNINGS),
    "store a coin as a view of a catalog entry",
)
CATALOG = Model("catalog", (REQUEST,), (RESPONSE,), "list, change, import and export entries; status")

COIN_SEARCH = Model("coin_search", (ENCODED,), (*SEARCH.outputs, ELLIPSE, FOUND, COIN_PROBABILITY), "photo to matches")
COIN_EMBEDDING = Model(
    "coin_embedding",
    (ENCODED,),
    (EMBEDDING, RELIEF, COIN, ELLIPSE, FOUND, COIN_PROBABILITY, CUT_OFF),
    "photo to embedding, relief maps, coin picture and ellipse",
)
COIN_SEARCH_ALL = Model("coin_search_all", (ENCODED,), (COINS, WARNINGS), "photo to every coin in it, with its matches")
COIN_ENROLL = Model(
    "coin_enroll", (ENCODED, METADATA), (*ENROLL.outputs, ELLIPSE, FOUND), "photo to a new catalog entry"
)

COMPUTE_MODELS = (PREPROCESS, COARSE_SEGMENTATION, ZOOM, SEGMENTATION, CROP, EMBEDDER, RELIEF_MAPPER)
PYTHON_MODELS = (DECODE, SEARCH, ENROLL, CATALOG, COIN_SEARCH_ALL)
ENSEMBLES = (COIN_SEARCH, COIN_EMBEDDING, COIN_ENROLL)
MODELS = (*COMPUTE_MODELS, *PYTHON_MODELS, *ENSEMBLES)
