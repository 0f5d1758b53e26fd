"""The users that load the gateway as pages do: they post photos, or send the frames of a camera."""

from typing import Any

from locust import task

from loadtest.locust.load_user import LoadUser

from loadtest.browsers import Camera, Poster  # isort: skip  # after gevent's remedy for gRPC

GATEWAY = "http://127.0.0.1:8080"


class _BrowserUser(LoadUser):
    """A user whose client is a browser's."""

    abstract = True
    client: Any
    browser: Any  # Poster or Camera
    asks: str

    def connect(self, host: str) -> None:
        """Connect to the gateway."""
        self.client = self.browser(host or GATEWAY)

    @task
    def ask(self) -> None:
        """One photo."""
        photo = self.next_photo()
        with self.request(self.asks):
            self.client.ask(photo)


class Visitor(_BrowserUser):
    """Posts photos."""

    kind, asks, browser = "HTTP", "POST recognize", Poster


class Phone(_BrowserUser):
    """Sends the next frame when it has an answer."""

    kind, asks, browser = "WebSocket", "frame", Camera
