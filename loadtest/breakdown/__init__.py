"""Where the time of a photo goes: on average from the server's counters, and for one request from Triton's traces."""
