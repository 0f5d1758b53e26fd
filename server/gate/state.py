"""What a gate knows of Triton, told line by line by the process that watches it."""

import json
from dataclasses import asdict, dataclass

from ensemble.errors import StartingError

STARTING = StartingError("the server is starting; try again")  # the answer to all calls until it is healthy


@dataclass
class State:
    """Of Triton and its models.

    Attributes:
        listening: whether Triton has started and not ended.
        healthy: whether every process of it and its models runs; without that, a server is not ready.
        group: of its processes, which end with the one that watches them; 0 is none.
    """

    listening: bool = False
    healthy: bool = False
    group: int = 0

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    def take(self, line: str) -> None:
        """Become what a line says that `to_json` wrote."""
        said = json.loads(line)
        self.listening, self.healthy, self.group = said["listening"], said["healthy"], said["group"]
