"""What the audit log says of each operation that changes the catalog."""

from typing import Any

import pytest

from catalog.service.operations.requests import OPERATIONS, changes
from catalog.service.operations.told import told
from ensemble.audit import MOST_ENTRIES

TOLD: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "update": ({"id": "de2", "changes": {"year": 1999}}, {"entry": {"id": "de2"}}, {"entries": ["de2"]}),
    "remove": ({"id": "de2"}, {"removed": "de2"}, {"entries": ["de2"]}),
    "change_view": ({"view": "9", "entry": "fr1"}, {"changed": "9"}, {"entries": ["fr1"], "view": "9"}),
    "remove_view": ({"view": "9"}, {"removed": "9"}, {"view": "9"}),
    "undo": ({"event": "4"}, {"undone": {"number": "4", "entry": "de2"}}, {"entries": ["de2"]}),
    "import": (
        {"views": [{"entry": {"id": "a"}}, {"entry": {"id": "a"}}, {"entry": {"id": "b"}}, {}, 7]},
        {"added": 3},
        {"entries": ["a", "b"], "added": 3},
    ),
    "reembed": ({"limit": 5}, {"done": 5, "left": 2, "lost": 0}, {"done": 5, "left": 2, "lost": 0}),
    "switch": ({}, {"switched": 7}, {"switched": 7}),
    "forget": ({}, {"forgotten": 7}, {"forgotten": 7}),
    "calibrate": ({"threshold": 0.5}, {"threshold": 0.5}, {"threshold": 0.5}),
}


def test_every_change_is_tried() -> None:
    assert set(TOLD) == {name for name in OPERATIONS if changes({"operation": name})}


@pytest.mark.parametrize("operation", TOLD)
def test_a_change_is_told(operation: str) -> None:
    request, reply, said = TOLD[operation]
    assert told({"operation": operation, **request}, reply) == {"what": operation, **said}


def test_a_line_does_not_grow_with_the_import() -> None:
    views = [{"entry": {"id": str(number)}} for number in range(1_000)]
    assert len(told({"operation": "import", "views": views}, {"added": 1_000})["entries"]) == MOST_ENTRIES
