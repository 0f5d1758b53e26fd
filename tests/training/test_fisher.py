"""Fisher's discriminant as the head of an embedder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from ensemble.contract import EMBEDDING_SIZE, IMAGE_SIZE  # noqa: E402
from training import fisher, train_embedding  # noqa: E402
from training.data import CropDataset  # noqa: E402
from training.fisher import Scatter, fit, scatter_of  # noqa: E402
from training.networks import EMBEDDERS, Embedder  # noqa: E402
from training.networks.layers import head  # noqa: E402
from training.render import FIRST_SEED, render_crops  # noqa: E402
from training.weights import load_checkpoint, save_checkpoint  # noqa: E402

pytestmark = pytest.mark.slow


def classes(count: int, views: int = 6) -> Iterator[np.ndarray]:
    """Features of 8 numbers: two tell classes apart, the others vary far more within each."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.normal(size=8) * [1, 1, 0, 0, 0, 0, 0, 0] + rng.normal(size=(views, 8)) * [0.1, 0.2, *[5.0] * 6] + 3.0


class Plain(Embedder):
    """Its features are what it is given."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.backbone, self.head, self.training_size = nn.Identity(), head(8, size), IMAGE_SIZE

    def features(self, coin: Tensor) -> Tensor:
        return coin

    def forward(self, coin: Tensor) -> Tensor:
        return self.embed(coin)


def test_scatter_is_that_of_the_classes() -> None:
    made = [np.array([[0.0, 0], [2, 0]]), np.array([[4.0, 6], [6, 6], [8, 6]])]
    scatter = Scatter.of(made)
    assert scatter.mean.tolist() == [3.5, 3.0]
    np.testing.assert_allclose(scatter.within, np.diag([(2 + 8) / 3, 0]))
    np.testing.assert_allclose(scatter.apart.T @ scatter.apart, [[6.25, 7.5], [7.5, 9.0]])
    with pytest.raises(ValueError, match="there are 1 classes; two are the least"):
        Scatter.of(made[:1])


def test_another_scatter_has_a_share() -> None:
    one, other = Scatter(np.ones(1), np.eye(1), np.eye(1)), Scatter(np.zeros(1), np.eye(1) * 5, np.eye(1) * 9)
    mixed = one.mixed(other, within=0.25, between=0.5)
    between = mixed.apart.T @ mixed.apart
    assert (mixed.mean.item(), mixed.within.item(), between.item()) == pytest.approx((1.0, 2.0, 41.0))


def test_few_classes_leave_directions_at_zero() -> None:
    projection = Scatter.of(classes(3)).projection(4, share=1.0)
    assert projection.shape == (8, 4)
    assert np.linalg.norm(projection, axis=0)[:2].min() > 1e-3 and not projection[:, 2:].any()


def test_phases_tell_apart_what_amplitudes_do_not() -> None:
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, IMAGE_SIZE)] * 2, indexing="ij")
    angle, radius = torch.atan2(y, x), torch.hypot(x, y)

    def coin(turn: float) -> Tensor:
        """Five soft sectors within, and five more, turned, in a ring around them that does not touch them."""
        within, around = (torch.exp(-(((radius - middle) / 0.06) ** 2)) for middle in (0.28, 0.72))
        return (within * torch.sin(5 * angle) + around * torch.sin(5 * (angle - turn))).expand(3, -1, -1)

    def apart(across: int) -> float:
        _, network = fisher.read_network("spectral", changes=[f"across={across}"])
        with torch.no_grad():
            one, other = network.features(nn.functional.avg_pool2d(torch.stack([coin(0.15), coin(-0.15)]), 2))
        return float((one - other).norm() / one.norm())

    assert apart(0) < 0.1 < 0.3 < apart(6)


def test_what_tells_classes_apart_is_taken_and_noise_is_not() -> None:
    projection = Scatter.of(classes(400)).projection(2, share=0.0)
    strength = np.abs(projection) * np.array([1, 1, *[5.0] * 6])[:, None]
    assert strength[2:].max() < 0.1 * strength[:2].max()
    within = Scatter.of(classes(400)).within
    np.testing.assert_allclose(projection.T @ within @ projection, np.eye(2), atol=1e-6)
    assert np.abs(projection[0, 0]) > np.abs(projection[1, 0]) > 0  # the steadier of both comes first


def test_the_head_recognizes_the_classes_afterwards() -> None:
    network = Plain(2).eval()
    fit(network, Scatter.of(classes(400)), share=0.0)
    features = np.stack(list(classes(30, views=2)))
    with torch.no_grad():
        first, second = (network(torch.from_numpy(features[:, view].astype(np.float32))) for view in (0, 1))
    # Angles in a plane tell 30 classes apart as far as they lie apart in it; the features do not.
    near = (first @ second.T).argmax(1).eq(torch.arange(30)).float().mean()
    raw = ((features[:, 0, None] - features[None, :, 1]) ** 2).sum(2).argmin(1) == np.arange(30)
    assert near > 0.3 and raw.mean() < 0.2


@pytest.mark.parametrize("across", [0, 2])
def test_a_turn_of_the_coin_changes_nothing(across: int) -> None:
    spec, network = fisher.read_network("spectral", changes=[f"across={across}"])
    size = 5 * 12 * 25 + 5 * 24 * 2 * {0: 0, 2: 11 + 10}[across]
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, IMAGE_SIZE)] * 2, indexing="ij")
    angle, radius = torch.atan2(y, x), torch.hypot(x, y)
    coin = (torch.sin(5 * angle + 9 * radius) + torch.sin(2 * angle) * torch.cos(25 * radius)) * (radius < 0.9)
    coins = torch.stack([coin.rot90(turn).expand(3, -1, -1) for turn in range(4)] + [coin.T.expand(3, -1, -1)])
    with torch.no_grad():
        features = network.features(nn.functional.avg_pool2d(coins, 2))
    apart = (features - features[:1]).norm(dim=1) / features[0].norm()
    assert features.shape == (5, size) and spec.settings.across == across
    assert apart[1:4].max() < 0.05 < 0.2 < apart[4]  # the last one is mirrored


def test_settings_of_the_network_can_be_changed() -> None:
    changes = ["size=32", "beside.across=1", "beside.power=0.5"]
    spec, network = fisher.read_network("polar_edges_efficientnet_b0", changes=changes)
    assert (spec.settings.size, spec.settings.beside.across, spec.settings.beside.power) == (32, 1, 0.5)
    assert network.head[0].out_features == 32
    for wrong, complaint in (("beside.depth=1", "no setting 'depth'"), ("size=x", "size is of type int")):
        with pytest.raises(ValueError, match=complaint):
            fisher.read_network("polar_edges_efficientnet_b0", changes=[wrong])


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    for split, count in (("train", 6), ("test", 4)):
        np.save(folder / f"{split}.npy", np.stack([render_crops(FIRST_SEED[split] + i, 3) for i in range(count)]))
    return folder


def test_from_crops_to_a_checkpoint(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fitted.pt"
    monkeypatch.setattr("sys.argv", ["fisher", "--data", str(crops), "--out", str(out), "--passes", "1"])
    fisher.main()
    assert "recall@1 " in capsys.readouterr().out
    spec, network = load_checkpoint(out, EMBEDDERS)
    assert spec.name == "spectral"
    data = CropDataset(crops / "train.npy", IMAGE_SIZE, augment=False)
    with torch.no_grad():
        made = network.eval()(torch.stack([data.coin(label, view) for label in range(6) for view in range(2)]))
    assert made.shape == (12, EMBEDDING_SIZE)
    alike = made @ made.T
    assert alike.fill_diagonal_(-1).argmax(1).tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]


def test_photos_have_a_say(crops: Path, tmp_path: Path) -> None:
    network = EMBEDDERS.named("spectral").build().eval()
    alone = scatter_of(network, CropDataset(crops / "train.npy", 128, augment=False), passes=1)
    stored = np.load(crops / "test.npy")
    np.save(tmp_path / "photos.npy", stored.reshape(-1, *stored.shape[2:]))
    np.save(tmp_path / "photos_labels.npy", np.repeat(np.arange(len(stored)), stored.shape[1]))
    beside = CropDataset(crops / "train.npy", 128, augment=False, photos=tmp_path / "photos.npy")
    photos = Scatter.of(fisher.features_of(network, beside, range(beside.room, beside.labels), passes=1))
    mixed = scatter_of(network, beside, passes=1)
    np.testing.assert_allclose(mixed.within, alone.mixed(photos, 0.2, 0.02).within)
    assert np.abs(mixed.within - alone.within).max() > 1e-3 * np.abs(alone.within).max()


def test_a_network_takes_what_it_shares_with_the_weights(tmp_path: Path) -> None:
    trained = EMBEDDERS.named("polar_efficientnet_b0")
    torch.manual_seed(5)
    given = trained.build().eval()
    save_checkpoint(tmp_path / "best.pt", trained, given.state_dict())
    assert fisher.read_network(None, tmp_path / "best.pt")[0] == trained
    spec, network = fisher.read_network("polar_edges_efficientnet_b0", tmp_path / "best.pt")
    coins = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        seen, expected = network.features(coins), given.features(coins)
    assert spec.name == "polar_edges_efficientnet_b0" and seen.shape[1] > expected.shape[1]
    torch.testing.assert_close(seen[:, : expected.shape[1]], expected)


def test_training_it_by_gradients_is_refused(crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--data", str(crops), "--runs", str(tmp_path), "--network", "spectral", "--steps", "1"]
    monkeypatch.setattr("sys.argv", ["train", *words])
    with pytest.raises(SystemExit, match=r"nothing in spectral learns but its head: python -m training\.fisher"):
        train_embedding.main()
