"""Labelling of real photos: circles proposed, refined to ellipses, reviewed by a person, exported as masks."""
