"""Photos that are small to send and dear to decode: the running server refuses each by its header."""

import pytest
from tritonclient.utils import InferenceServerException

from ensemble.contract import COIN_EMBEDDING, ENCODED
from mintmark import Client
from tests.attacks.conftest import BEARER, Raw, one
from tests.attacks.photos import HOSTILE

pytestmark = pytest.mark.server


def test_hostile_photos_are_refused(good: Client, raw: Raw) -> None:
    for name, (photo, message) in HOSTILE.items():
        with pytest.raises(InferenceServerException, match=message) as refused:
            raw.infer(COIN_EMBEDDING, {ENCODED: one(photo)}, BEARER)
        assert "INVALID_PHOTO" in refused.value.message(), name
