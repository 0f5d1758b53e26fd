"""Phones: pages of the gateway in real browsers, whose cameras show a film."""
