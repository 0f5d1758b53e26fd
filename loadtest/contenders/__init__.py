"""Ways to recognize coins, each behind the same interface: Mintmark served, and what one would build instead."""
