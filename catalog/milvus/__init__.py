"""The catalog of many machines: entries, views and embeddings in one collection of a Milvus server.

`kind`, `location` and `index` can be imported without pymilvus, the rest cannot.
"""
