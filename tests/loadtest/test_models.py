"""Every model of a real server takes the inputs that are made for it."""

import pytest

from ensemble.contract import MODELS
from loadtest.host import Host, connect
from loadtest.models import inputs_of_models, remote, transport

pytestmark = pytest.mark.server


def test_every_model_takes_what_is_made_for_it(there: Host) -> None:
    inputs = inputs_of_models(there.url, there.queries[0])
    assert set(inputs) == set(MODELS)
    connection = transport(there.url)
    with connect(there.url) as client:
        before = {entry.id for entry in client.entries()}
        for model, arrays in inputs.items():
            outputs = remote(model, connection)(arrays, None)
            assert set(outputs) == {tensor.name for tensor in model.outputs}
        for entry in list(client.entries()):
            if entry.id not in before:
                client.remove(entry.id)
    connection.close()
