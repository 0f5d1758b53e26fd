"""A checkpoint says which network it holds; the weights kept in weights/ do, too."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ensemble import artifacts
from ensemble.contract import COARSE_SEGMENTATION, EMBEDDER, SEGMENTATION
from training.networks import EMBEDDERS, SEGMENTERS, NetworkError, Registry, Segmenter, Spec
from training.networks.coin import CoinHead
from training.weights import (
    keep_record,
    kept_record,
    kept_spec,
    load_checkpoint,
    load_module,
    save_checkpoint,
    start_from_kept,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Size:
    width: int
    kernels: tuple[int, ...] = (3,)


class Tiny(Segmenter):
    """One convolution for each kernel, the last to a single channel."""

    def __init__(self, size: Size, pretrained: bool = False) -> None:
        super().__init__()
        widths = [3, *[size.width] * (len(size.kernels) - 1), 1]
        self.layers = nn.Sequential(
            *(nn.Conv2d(a, b, k, padding=k // 2) for a, b, k in zip(widths[:-1], widths[1:], size.kernels, strict=True))
        )

        self.coin = CoinHead(3)

    def encode(self, image: Tensor) -> list[Tensor]:
        """The picture itself."""
        return [image, image]

    def decode(self, features: list[Tensor]) -> Tensor:
        """[B, 3, H, W] to [B, 1, H, W]."""
        return self.layers(features[0])  # type: ignore[no-any-return]


@pytest.fixture
def registry() -> Registry[Segmenter]:
    made: Registry[Segmenter] = Registry(SEGMENTATION)
    made.register("tiny", Size(4), Tiny)
    return made


def test_a_checkpoint_makes_the_network_that_it_holds(registry: Registry[Segmenter], tmp_path: Path) -> None:
    spec = replace(registry.named("tiny"), settings=Size(5, (3, 1)))
    network = spec.build()
    save_checkpoint(tmp_path / "a.pt", spec, network.state_dict())
    loaded, again = load_checkpoint(tmp_path / "a.pt", registry)
    assert loaded == spec and not again.training
    torch.testing.assert_close(dict(again.state_dict()), dict(network.state_dict()), rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_setting_newer_than_the_checkpoint_has_its_default(registry: Registry[Segmenter]) -> None:
    assert registry.restore({"network": "tiny", "settings": {"width": 9}}).settings == Size(9, (3,))
    assert registry.restore({"network": "tiny", "settings": {"width": 9, "kernels": [5]}}).settings == Size(9, (5,))


def test_settings_may_hold_settings() -> None:
    spec = EMBEDDERS.named("polar_edges_efficientnet_b0")
    changed = replace(spec, settings=replace(spec.settings, beside=replace(spec.settings.beside, power=0.5)))
    assert EMBEDDERS.restore(json.loads(json.dumps(changed.record()))) == changed
    with pytest.raises(NetworkError, match="has no setting depth"):
        EMBEDDERS.restore({"network": spec.name, "settings": {"beside": {"depth": 3}}})


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"network": "huge", "settings": {}}, "no segmentation network 'huge'; there are tiny"),
        ({"network": "tiny", "settings": {"depth": 3}}, "the network tiny has no setting depth"),
        ({"network": "tiny", "settings": {"width": 4, "kernels": (3, 3)}}, "weights in .* are not those of a tiny"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    record: dict[str, object], complaint: str, registry: Registry[Segmenter], tmp_path: Path
) -> None:
    torch.save({**record, "weights": registry.named("tiny").build().state_dict()}, tmp_path / "a.pt")
    with pytest.raises(NetworkError, match=complaint):
        load_checkpoint(tmp_path / "a.pt", registry)


def test_weights_that_do_not_say_whose_they_are_are_refused(registry: Registry[Segmenter], tmp_path: Path) -> None:
    torch.save(registry.named("tiny").build().state_dict(), tmp_path / "a.pt")
    with pytest.raises(NetworkError, match=r"a\.pt is no checkpoint of a training: it must hold network, settings and"):
        load_checkpoint(tmp_path / "a.pt", registry)


def test_a_name_is_registered_once(registry: Registry[Segmenter]) -> None:
    with pytest.raises(NetworkError, match="the segmentation network 'tiny' is registered already"):
        registry.register("tiny", Size(1), Tiny)


def test_the_weights_that_ship_say_their_networks() -> None:
    assert kept_spec(EMBEDDER) == EMBEDDERS.named("polar_edges_efficientnet_b0")
    assert kept_spec(SEGMENTATION) == kept_spec(COARSE_SEGMENTATION)
    assert kept_spec(SEGMENTATION) == SEGMENTERS.restore(
        {"network": "unet_efficientnet_lite0", "settings": {"normalized": 2}}
    )


def test_a_record_of_one_model_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    keep_record(SEGMENTATION, {"network": "a", "settings": {}})
    keep_record(EMBEDDER, {"onnx": "net.onnx"})
    keep_record(SEGMENTATION, {"network": "b", "settings": {}})
    assert json.loads((tmp_path / "networks.json").read_text()) == {
        "segmentation": {"network": "b", "settings": {}},
        "embedding": {"onnx": "net.onnx"},
    }
    assert kept_record(COARSE_SEGMENTATION)["network"] == "b"


def test_a_graph_trained_elsewhere_has_no_torch_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    keep_record(EMBEDDER, {"onnx": "net.onnx"})
    spec: Spec = EMBEDDERS.named("efficientnet_b0")
    with pytest.raises(NetworkError, match=r"embedding\.onnx was exported from net\.onnx: there is no PyTorch network"):
        load_module(EMBEDDER)
    with pytest.raises(NetworkError, match="there is no PyTorch network"):
        start_from_kept(nn.Identity(), spec, EMBEDDER, torch.zeros(1, 3, 8, 8))


def test_training_does_not_start_from_the_weights_of_another_network() -> None:
    other = EMBEDDERS.named("efficientnet_b0")
    with pytest.raises(NetworkError, match=r"those of .*polar_edges_efficientnet_b0.*, not of .*'efficientnet_b0'"):
        start_from_kept(nn.Identity(), other, EMBEDDER, torch.zeros(1, 3, 8, 8))
