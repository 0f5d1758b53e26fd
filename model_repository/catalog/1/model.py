"""Triton model `catalog`: list, show and remove entries, status."""

import json
import os
from typing import Any

import numpy as np

from backends.adapter import Answer, answer_each, parameters, settings, texts
from catalog import open_catalog
from catalog.access import check_token
from catalog.operations import CHANGES, parse, perform
from ensemble.contract import REQUEST, RESPONSE


class TritonPythonModel:
    """Adapts the catalog's operations to Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the catalog."""
        config = settings(args)
        self.about = {"model": config["fingerprint"], "threshold": float(config["known_threshold"])}
        self.catalog = open_catalog(os.environ.get("MINTMARK_CATALOG", ""), config["fingerprint"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Carry out the operations of every request."""
        return answer_each(requests, self._answer)

    def _answer(self, request: Any) -> Answer:
        replies = []
        for operation in [parse(text) for text in texts(request, REQUEST)]:
            if operation["operation"] in CHANGES:
                check_token(parameters(request))
            reply = perform(self.catalog, operation)
            replies.append({**reply, **self.about} if operation["operation"] == "status" else reply)
        return {RESPONSE: np.array([[json.dumps(reply, ensure_ascii=False).encode()] for reply in replies], object)}

    def finalize(self) -> None:
        """Close the catalog."""
        self.catalog.close()
