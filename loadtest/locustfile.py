"""Load on the ensembles with Locust: users that recognize, that look at embeddings, that enroll.

    locust -f loadtest/locustfile.py --host localhost:8001                            web UI on port 8089
    locust -f loadtest/locustfile.py --host localhost:8001 --headless --users 16 --run-time 60s \
        --shape ramp --html report.html --p95-limit 800 --error-limit 0.01            exit code 1 beyond the limits
    locust -f loadtest/locustfile.py Recognizer …                                     one kind of users alone
    locust … --processes 4                                                            several workers

`--rate R` sends R requests per second, however fast they are answered, as long as there are users waiting to send them:
give enough `--users`.
"""

from loadtest.locust.load_user import Shape
from loadtest.locust.users import Embedder, Enroller, Recognizer

__all__ = ["Embedder", "Enroller", "Recognizer", "Shape"]
