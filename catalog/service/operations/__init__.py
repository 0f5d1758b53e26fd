"""The operations that manage a catalog: JSON in, JSON out."""
