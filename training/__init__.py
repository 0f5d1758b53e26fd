"""Rendered coins, the networks that learn from them, and how they are trained."""
