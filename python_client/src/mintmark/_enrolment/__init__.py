"""Enrolling many photos: where their descriptions come from, what happens to each, and what is kept of a run.

The catalog is the truth: it knows an entry by its id and a photo by its SHA-256, so a photo is stored once however
often it is sent. Nothing here has to survive; a journal only saves reading photos again.
"""
