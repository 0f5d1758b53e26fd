"""Replace the vector index of a catalog in Milvus: python -m catalog.milvus LOCATION INDEX.

The index is given as in MINTMARK_INDEX, such as HNSW:M=16,efConstruction=200. Servers cannot search meanwhile.
"""

import argparse
import sys

from catalog.milvus.index import parse_index
from catalog.milvus.kind import MILVUS
from catalog.milvus.location import parse_location
from ensemble.errors import CatalogError


def main() -> int:
    """Exit status 1 if Milvus fails or an argument is wrong."""
    parser = argparse.ArgumentParser(prog="catalog.milvus", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("location", help="milvus://HOST:PORT/COLLECTION")
    parser.add_argument("index", help="such as FLAT, HNSW:M=16,efConstruction=200, IVF_FLAT:nlist=1024")
    arguments = parser.parse_args()
    if missing := MILVUS.missing():
        print(missing, file=sys.stderr)
        return 1
    try:
        from catalog.milvus.connection import Connection
        from catalog.milvus.schema import rebuild

        location, index = parse_location(arguments.location), parse_index(arguments.index)
        connection = Connection(location)
        rebuild(connection, location, index)
        connection.close()
    except (CatalogError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
