"""Nearest neighbours among the views: Faiss indexes, in memory and on disk, that follow the database."""
