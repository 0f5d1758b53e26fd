"""Load on the ensembles with Locust: users that recognize, that look at embeddings, that enroll.

    locust -f loadtest/locustfile.py --host localhost:8001                            web UI on port 8089
    locust -f loadtest/locustfile.py --host localhost:8001 --headless --users 16 --run-time 60s \
        --shape ramp --html report.html --p95-limit 800 --error-limit 0.01            exit code 1 beyond the limits
    locust -f loadtest/locustfile.py Recognizer …                                     one kind of users alone
    locust … --processes 4                                                            several workers

`--rate R` sends R requests per second, however fast they are answered, as long as there are users waiting to send them:
give enough `--users`.
"""

from collections import deque

from locust import task

from loadtest.load_user import LoadUser, Shape, coins_of
from mintmark import MintmarkError

__all__ = ["Embedder", "Enroller", "Recognizer", "Shape"]

KEPT = 4  # entries that an enrolling user leaves in the catalog at a time


class Recognizer(LoadUser):
    """Asks which coin a photo shows."""

    weight = 8

    @task
    def recognize(self) -> None:
        """One photo."""
        photo = self.next_photo()
        with self.request("recognize"):
            self.client.recognize(photo)


class Embedder(LoadUser):
    """Asks for the embedding and the rectified picture."""

    weight = 1

    @task
    def embed(self) -> None:
        """One photo."""
        photo = self.next_photo()
        with self.request("embed"):
            self.client.embed(photo)


class Enroller(LoadUser):
    """Adds coins to the catalog, and removes those that it added."""

    weight = 1

    def on_start(self) -> None:
        """Connect; nothing has been added yet."""
        super().on_start()
        self._added: deque[str] = deque()

    @task
    def enroll(self) -> None:
        """Add one coin, remove the oldest of too many."""
        coins = coins_of(self.options.coins, self.options.photo_size)
        path, fields = coins[self._turn % len(coins)]
        self._turn += 1
        with self.request("enroll"):
            self._added.append(self.client.enroll(path.read_bytes(), fields).id)
        if len(self._added) > KEPT:
            with self.request("remove"):
                self.client.remove(self._added.popleft())

    def on_stop(self) -> None:
        """Leave the catalog as it was."""
        for key in self._added:
            try:
                self.client.remove(key)
            except MintmarkError as error:
                self.environment.runner.log_exception("", f"entry {key} stays in the catalog: {error}", "")
        super().on_stop()
