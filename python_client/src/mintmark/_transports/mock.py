"""A transport that calls a function instead of a server, for tests of code that uses the client."""

from collections.abc import Callable, Mapping, Sequence

from mintmark._transports.base import Tensors

Handler = Callable[[str, Tensors, Mapping[str, str | int | bool]], Tensors]


class MockTransport:
    """Answers each inference with `handler(model, inputs, parameters)`, which may raise MintmarkError.

    `is_ready` says whether the server is.
    """

    def __init__(self, handler: Handler, is_ready: Callable[[], bool] = lambda: True) -> None:
        self._handler = handler
        self._is_ready = is_ready

    def infer(
        self,
        model: str,
        inputs: Tensors,
        outputs: Sequence[str],
        parameters: Mapping[str, str | int | bool],
        timeout: float = 30.0,
    ) -> Tensors:
        """See Transport. Drops tensors of the handler that were not asked for."""
        answer = self._handler(model, inputs, parameters)
        return {name: answer[name] for name in outputs if name in answer}

    def ready(self, timeout: float = 30.0) -> bool:
        """See Transport."""
        return self._is_ready()

    def close(self) -> None:
        """See Transport. There is nothing to close."""
