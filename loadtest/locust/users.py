"""The users that load the ensembles: they recognize, look at embeddings, or enroll."""

from collections import deque

from locust import task

from loadtest.locust.load_user import LoadUser, coins_of
from mintmark import MintmarkError

KEPT = 4  # entries of an enrolling user that are in the catalog at a time


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
    """Adds coins to the catalog and removes them again."""

    weight = 1

    def on_start(self) -> None:
        """Connect."""
        super().on_start()
        self._added: deque[str] = deque()

    @task
    def enroll(self) -> None:
        """Add one coin; remove the oldest one where there are more than KEPT."""
        coins = coins_of(self.options.coins, self.options.photo_size)
        path, fields = coins[self._turn % len(coins)]
        self._turn += 1
        with self.request("enroll"):
            self._added.append(self.client.enroll(path.read_bytes(), fields).id)
        if len(self._added) > KEPT:
            with self.request("remove"):
                self.client.remove(self._added.popleft())

    def on_stop(self) -> None:
        """Remove what is left, so that the catalog is as before."""
        for key in self._added:
            try:
                self.client.remove(key)
            except MintmarkError as error:
                self.environment.runner.log_exception("", f"entry {key} stays in the catalog: {error}", "")
        super().on_stop()
