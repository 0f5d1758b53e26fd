"""The catalog of many machines: entries, views and embeddings in one collection of a Milvus server.

`kind` and `location` can be imported without pymilvus, the rest cannot.
"""
