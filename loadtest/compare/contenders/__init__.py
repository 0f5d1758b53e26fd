"""Ways to recognize coins behind one interface: Mintmark itself, and other ways to build the same."""
