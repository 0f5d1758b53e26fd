"""The truth of a catalog of one machine: entries, views, embeddings and the sequence of changes in one SQLite file."""
