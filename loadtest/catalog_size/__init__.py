"""Search time, memory and recall of the catalog by its size and kind of index."""
