"""The catalog of one machine: a folder with a SQLite file that holds the truth, and a Faiss index derived from it."""
