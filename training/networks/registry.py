"""Networks by name: the settings of each, and how it is built from them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

from torch import nn

from ensemble.contract import Model

Module = TypeVar("Module", bound=nn.Module)


class NetworkError(ValueError):
    """A network is not registered, or something does not fit it; the message says what, and what there is."""


@dataclass(frozen=True)
class Spec(Generic[Module]):
    """A registered network with its settings: what a checkpoint says besides the weights.

    Attributes:
        name: as recipes and checkpoints say it.
        settings: frozen dataclass of everything that decides the parameters and the computation.
        builder: from the settings, and whether the encoder starts from ImageNet weights, to the untrained network.
    """

    name: str
    settings: Any
    builder: Callable[[Any, bool], Module]

    def build(self, pretrained: bool = False) -> Module:
        """The untrained network.

        Args:
            pretrained: start the encoder from ImageNet weights; the network says where they come from.
        """
        return self.builder(self.settings, pretrained)

    def record(self) -> dict[str, Any]:
        """Name and settings as plain values, for a file."""
        return {"network": self.name, "settings": asdict(self.settings)}


class Registry(Generic[Module]):
    """The networks that can be one of the compute models.

    Args:
        model: that compute model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._specs: dict[str, Spec[Module]] = {}

    def register(self, name: str, settings: Any, builder: Callable[[Any, bool], Module]) -> None:
        """Add a network with its default settings; see `Spec`.

        Raises:
            NetworkError: the name is taken.
        """
        if name in self._specs:
            raise NetworkError(f"the {self.model.name} network {name!r} is registered already")
        self._specs[name] = Spec(name, settings, builder)

    @property
    def names(self) -> list[str]:
        """Of all networks."""
        return sorted(self._specs)

    def named(self, name: str) -> Spec[Module]:
        """A network with its default settings.

        Raises:
            NetworkError: there is none of this name.
        """
        if name not in self._specs:
            raise NetworkError(f"there is no {self.model.name} network {name!r}; there are {', '.join(self.names)}")
        return self._specs[name]

    def restore(self, record: Mapping[str, Any]) -> Spec[Module]:
        """The network that `Spec.record` wrote down; a setting that is newer than the record has its default.

        Raises:
            NetworkError: there is no such network, or it has no such setting.
        """
        default = self.named(str(record.get("network")))
        try:
            return replace(default, settings=_restored(default.settings, record.get("settings", {})))
        except KeyError as error:
            raise NetworkError(f"the network {default.name} has no setting {error.args[0]}") from None


def _restored(default: Any, values: Mapping[str, Any]) -> Any:
    """Settings with these values, as JSON has them: lists for tuples, dicts for settings within them.

    Raises:
        KeyError: with the names of settings that there are not.
    """
    if unknown := sorted(values.keys() - {field.name for field in fields(default)}):
        raise KeyError(", ".join(unknown))
    chosen = dict(values)
    for name, value in values.items():
        if isinstance(value, list):
            chosen[name] = tuple(value)
        elif is_dataclass(getattr(default, name)):
            chosen[name] = _restored(getattr(default, name), value)
    return replace(default, **chosen)
