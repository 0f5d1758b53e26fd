"""The load tests measure what they say. Its servers end with its last test."""
