"""How requests reach a server: one interface, and what implements it."""
