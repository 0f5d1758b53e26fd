"""The page in a real browser. Its servers end with its last test."""
