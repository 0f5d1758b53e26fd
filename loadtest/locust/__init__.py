"""Locust on Mintmark: its users, their load over time, and a run of it as a process of its own."""
