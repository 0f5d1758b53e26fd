"""Mintmark side by side with other ways to build the same."""
