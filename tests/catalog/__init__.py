"""The catalog in each of its stores, and what the models ask of it. Its servers end with its last test."""
