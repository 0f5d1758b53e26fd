"""Load on a fleet with Locust: users that enroll and search, and write down what they were told.

`python -m loadtest.fleet` runs it. By itself, against servers whose catalog may be filled with random embeddings:

    locust -f loadtest/fleetfile.py --host localhost:9001 --headless --users 5 --run-time 60s
"""

from loadtest.locust.fleet_users import Enroller, Searcher

__all__ = ["Enroller", "Searcher"]
