"""Recall is counted as `mintmark evaluate` does: distractors are nobody's coin."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_recall_of_queries_among_catalog_and_distractors(script: Callable[[str], ModuleType]) -> None:
    rows = [
        {"role": "catalog", "label": "a"},
        {"role": "distractor", "label": "a"},
        {"role": "query", "label": "a"},
        {"role": "query", "label": "a"},
        {"role": "catalog", "label": "b"},
    ]
    vectors = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9], [-1, 0]], np.float32)
    figures = script("half_cost").recalls(vectors, rows)
    assert figures == {1: 0.5, 2: 1.0, 5: 1.0, 10: 1.0, 20: 1.0}
