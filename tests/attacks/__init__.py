"""Attacks on a server that runs: whatever is done to it, it answers others. Its servers end with its last test."""
