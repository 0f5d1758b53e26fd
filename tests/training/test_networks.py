"""Networks, losses, schedules."""

import math

import pytest

torch = pytest.importorskip("torch")

from ensemble.contract import EMBEDDING_SIZE  # noqa: E402
from training.loop import Average, cosine, pick_size  # noqa: E402
from training.losses import ArcFace, dice_loss, pair_loss  # noqa: E402
from training.networks import Embedder, Segmenter  # noqa: E402


def test_segmenter_gives_probabilities() -> None:
    network = Segmenter().eval()
    with torch.no_grad():
        mask = network(torch.randn(1, 3, 64, 96))
    assert mask.shape == (1, 1, 64, 96)
    assert mask.min() >= 0 and mask.max() <= 1


@pytest.mark.parametrize("build", [Segmenter, Embedder])
def test_every_parameter_learns(build: type) -> None:
    network = build().train()
    network(torch.randn(2, 3, 64, 64))[:, 0].square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_embeddings_have_unit_length() -> None:
    network = Embedder().eval()
    with torch.no_grad():
        embedding = network(torch.randn(3, 3, 64, 64))
    assert embedding.shape == (3, EMBEDDING_SIZE)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


def test_arcface_by_hand() -> None:
    loss = ArcFace(2, 2, margin=0.2, scale=25.0)
    loss.centres.data = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    angle = 0.5
    logits = loss(torch.tensor([[math.cos(angle), math.sin(angle)]]), torch.tensor([0]))
    expected = torch.tensor([[25 * math.cos(angle + 0.2), 25 * math.sin(angle)]])
    assert torch.allclose(logits, expected, atol=1e-4)


def test_arcface_keeps_falling_past_the_far_side() -> None:
    loss = ArcFace(1, 2, margin=0.2)
    loss.centres.data = torch.tensor([[1.0, 0.0]])
    angles = torch.linspace(0.1, math.pi - 0.01, 60)
    logits = loss(torch.stack([angles.cos(), angles.sin()], 1), torch.zeros(60, dtype=torch.long))[:, 0]
    assert (logits.diff() < 0).all()


def test_dice_loss_by_hand() -> None:
    mask = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    logits = torch.zeros(1, 1, 2, 2)  # probability one half everywhere: overlap 1, sums 2 and 2
    assert dice_loss(logits, mask, smooth=0.0).item() == pytest.approx(0.5)
    assert dice_loss((mask - 0.5) * 100, mask).item() == pytest.approx(0.0, abs=1e-6)


def test_schedule() -> None:
    assert cosine(0.05, 0.1) == pytest.approx(0.5)
    assert cosine(0.1, 0.1) == pytest.approx(1.0)
    assert cosine(1.0, 0.1) == pytest.approx(0.0)
    assert [pick_size(((0.6, 128), (1.0, 256)), p) for p in (0.0, 0.59, 0.6, 1.0)] == [128, 128, 256, 256]


def test_average_follows_the_network() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = Average(network, 0.9)
    network.weight.data.fill_(1.0)
    for _ in range(200):
        average.update(network)
    assert average.state["weight"].item() == pytest.approx(1.0, abs=1e-3)


def test_pair_loss_by_hand() -> None:
    embedding = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    loss = pair_loss(embedding, torch.tensor([4, 4, 7]), temperature=1.0)
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-5)
