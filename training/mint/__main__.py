"""Write a collection of rendered coins.

    python -m training.mint --out DIR --classes N --seed S [--size PX]

The folder holds JPEGs and
- labels.csv: path, name, country, currency, denomination, side, year of the catalog pictures, for enrolment;
- manifest.csv: path, label, role: catalog, query, or unknown (a coin that no catalog picture shows);
- ellipses.csv: path, cx, cy, a, b, angle of the coin's rim, px and degrees as in cv2.ellipse;
- contact_sheet.jpg.
"""

import argparse
from pathlib import Path

from .collection import write_collection


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=640, help="px, longer side of the photos")
    parser.add_argument("--queries", type=int, default=2, help="query photos per class")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    write_collection(args.out, args.classes, args.seed, args.size, args.queries, args.workers)


if __name__ == "__main__":
    main()
