"""A crew sends the client's own requests, against a real server."""

import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2 as pb

from ensemble.contract import COIN_ID
from loadtest.host import Host, connect
from loadtest.overload.crew import Crew, Sender, encoded
from mintmark import InvalidPhoto

pytestmark = pytest.mark.server


def test_an_encoded_request_is_the_clients_own(there: Host) -> None:
    sender = Sender(there.url)
    answers = [pb.ModelInferResponse.FromString(sender.ask(encoded(photo))) for photo in there.queries]
    with connect(there.url) as client:
        for photo, answer in zip(there.queries, answers, strict=True):
            keys = triton.InferResult(answer).as_numpy(COIN_ID.name)[0]
            assert [key.decode() for key in keys if key] == [
                match.entry.id for match in client.recognize(photo).matches
            ]


def test_an_encoded_request_fails_as_the_clients_does(there: Host) -> None:
    with pytest.raises(InvalidPhoto, match="not an image"):
        Sender(there.url).ask(encoded(b"no photo"))


def test_a_crew_divides_the_load(there: Host) -> None:
    with Crew(there.url, there.queries, processes=2) as crew:
        samples = crew.open([(4.0, 1.0), (2.0, 1.0)])
        assert [sample.start for sample in samples] == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
        samples += crew.closed(2, 0.5)
    assert {sample.failure for sample in samples} == {""}
