"""The catalog of many machines: entries, views and embeddings in one collection of a Milvus server.

Importing this package needs no pymilvus; importing `catalog.milvus.store` does.
"""

from catalog.milvus.location import is_milvus

__all__ = ["is_milvus"]
