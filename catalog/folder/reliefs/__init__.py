"""The relief maps of a catalog where a search can pick a thousand of them at once: derived from the database."""
