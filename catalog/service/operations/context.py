"""What the operations work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np

from catalog.entry import Makers
from catalog.events import ANYONE, By
from catalog.interface import Catalog
from catalog.service.picture import check_picture
from ensemble.verification import Judge

Request = Mapping[str, Any]
# JPEG pictures of rectified coins to [N, EMBEDDING_SIZE] float32 unit vectors.
Embed = Callable[[Sequence[bytes]], np.ndarray]
# The same to relief maps, [N, RELIEF_HARMONICS, RELIEF_NUMBERS] int8.
MapRelief = Callable[[Sequence[bytes]], np.ndarray]


@dataclass(frozen=True)
class Context:
    """What the operations work with.

    Attributes:
        catalog: whose operations they are.
        makers: the models that `embed` and `map_relief` run.
        embed: embeds pictures; raises EntryError for data that is not a picture.
        map_relief: maps their relief, likewise.
        judge: turns similarities into probabilities; says which count as known, if the catalog was not calibrated.
        check: raises EntryError for a picture that cannot be embedded later.
        by: who asks.
        may_change: whether they may change the catalog.
        unusable: ids of views whose pictures no `reembed` could use; they are not tried again.
        ready: set once this process has loaded the catalog's index, which few operations need.
    """

    catalog: Catalog
    makers: Makers
    embed: Embed
    map_relief: MapRelief
    judge: Judge
    check: Callable[[bytes], None] = check_picture
    by: By = ANYONE
    may_change: bool = False
    unusable: set[str] = field(default_factory=set)
    ready: Event = field(default_factory=Event)
