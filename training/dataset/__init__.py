"""Data sets of real coins, made by hand: a folder of photos and a table.

The folder holds photos, in a format that the server reads, and `labels.csv`: UTF-8, commas, one row per photo:

| column | what |
| --- | --- |
| path | the photo, relative to the folder |
| country, currency, denomination | what the coin is, in words of your choice, spelled alike in every row |
| side | obverse or reverse |
| issue | optional: a word that names a release that looks different |
| year, and other optional fields of an entry | optional: what else is said of the coin; no part of the class |
| source_photo | optional: the photo that this one was cut from; the photo itself where the cell is empty |
| role | optional: catalog or query |
| mask | optional: a PNG of the photo's size, the coin white and the rest black |
| cx, cy, a, b, angle | optional: the coin's rim as an ellipse, see below |

The ellipse: centre and semi-axes a >= b in pixels of the upright photo, pixel centres on whole numbers, and the angle
of a in degrees as in `cv2.ellipse`. If a row has both mask and ellipse, they must agree.

Other columns, such as `name`, stay for `mintmark enroll --from labels.csv` and are not read here.

Classes: each side of a coin is a class. Coins that differ only in year are one class. A release that looks different is
a class of its own, named by `issue`. So a class is (country, currency, denomination, side, issue).

Roles: the catalog pictures of a class are the rows that say so; if none does, the first row whose role is empty. The
other photos are queries. If all rows of a class say query, the catalog does not hold the coin.
"""

from .split import Split, SplitError, split, write_split
from .table import ClassKey, Dataset, DatasetError, Photo, Problem, read
from .validate import check

__all__ = [
    "ClassKey",
    "Dataset",
    "DatasetError",
    "Photo",
    "Problem",
    "Split",
    "SplitError",
    "check",
    "read",
    "split",
    "write_split",
]
