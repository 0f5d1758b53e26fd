"""Tests; each folder is that of what it tests."""
