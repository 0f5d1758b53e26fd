"""Networks, losses, schedules."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from ensemble.contract import EMBEDDING_SIZE  # noqa: E402
from training.loop import Average, Clock, cosine, phase, recalibrate  # noqa: E402
from training.losses import ArcFace, dice_loss, pair_loss  # noqa: E402
from training.networks import EMBEDDERS, SEGMENTERS, NetworkError, PolarEmbedder, Spec, layers, polar  # noqa: E402
from training.networks.polar import Polar, PolarSettings  # noqa: E402

pytestmark = pytest.mark.slow

DEFAULTS = PolarSettings("efficientnet_b0")
RADII, ANGLES, BANDS, HARMONICS = DEFAULTS.radii, DEFAULTS.angles, DEFAULTS.bands, DEFAULTS.harmonics
SPECS: list[Spec] = [registry.named(name) for registry in (SEGMENTERS, EMBEDDERS) for name in registry.names]
EMBEDDER_SPECS = [EMBEDDERS.named(name) for name in EMBEDDERS.names]


def Spectrum(angles: int, radii: int) -> layers.Spectrum:
    return layers.Spectrum(angles, radii, BANDS, HARMONICS)


def even_out(coin: Tensor) -> Tensor:
    return layers.even_out(coin, DEFAULTS.contrast_width, DEFAULTS.contrast_floor)


def unroll(coin: Tensor, radii: int = RADII, angles: int = ANGLES) -> Tensor:
    return layers.unroll(coin, radii, angles)


def test_segmenter_gives_probabilities() -> None:
    network = SEGMENTERS.named("unet_efficientnet_b4").build().eval()
    with torch.no_grad():
        image = torch.randn(1, 3, 64, 96)
        masks, coin = network(image)
        assert torch.equal(masks, network.masks(image))
    assert masks.shape == (1, 2, 64, 96) and coin.shape == (1, 1)
    assert masks.min() >= 0 and masks.max() <= 1
    assert coin > 0.999  # nobody has fitted it, so it has no objection


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_parameter_learns(spec: Spec) -> None:
    network = spec.build().train()
    made = network(torch.randn(2, 3, 64, 64))
    sum(output[:, 0].square().sum() for output in (made if isinstance(made, tuple) else (made,))).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("spec", EMBEDDER_SPECS, ids=lambda spec: spec.name)
def test_embeddings_have_unit_length(spec: Spec) -> None:
    network = spec.build().eval()
    with torch.no_grad():
        embedding = network(torch.randn(3, 3, 64, 64))
    assert embedding.shape == (3, EMBEDDING_SIZE)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("stem", polar.STEMS)
def test_a_polar_embedder_is_given_what_its_settings_say(stem: str) -> None:
    network = Polar(replace(DEFAULTS, stem=stem)).eval()
    light = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        seen = network._stem(light, (8, 32))
        turned = network._stem(-light, (8, 32))  # light from the other side
    assert seen.shape == (2, polar.STEMS[stem], 8, 32)
    assert network(light).shape == (2, EMBEDDING_SIZE)
    same = [torch.allclose(one, other, atol=1e-3) for one, other in zip(seen[0], turned[0], strict=True)]
    assert same == {"grey": [False] * 3, "edges": [True] * 5, "both": [False] * 3 + [True] * 5}[stem]


def test_an_unknown_stem_is_refused() -> None:
    with pytest.raises(NetworkError, match="no stem 'x'; there are grey, edges, both"):
        Polar(replace(DEFAULTS, stem="x"))


def _coins(batch: int, seed: int, size: int = 128) -> Tensor:
    """Smooth random reliefs in the middle of their pictures, black around, as the crop makes them."""
    noise = torch.randn(batch, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(seed))
    coins = nn.functional.interpolate(noise, size=(size, size), mode="bicubic")
    axis = torch.arange(size) - (size - 1) / 2
    return coins * (torch.hypot(axis[:, None], axis[None]) <= 60 * size / 128)


@pytest.fixture(scope="module")
def embedder() -> Polar:
    """With random weights, and normalizations that let every layer have a say."""
    torch.manual_seed(3)
    network = Polar(DEFAULTS)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    recalibrate(network, [_coins(8, seed=1)], network.embed)
    return network


def _embed_polar(
    network: PolarEmbedder,
    coins: Tensor,
    change: Callable[[Tensor], Tensor],
    monkeypatch: pytest.MonkeyPatch,
    grid: tuple[int, int] = (RADII, ANGLES),
) -> Tensor:
    """Embeddings of coins changed after they are unrolled: a turn by whole samples resamples nothing."""
    monkeypatch.setattr(polar, "unroll", lambda coin, *grid: change(unroll(coin, *grid)))
    with torch.no_grad():
        return network.embed_unrolled(coins, grid)


SHIFTS = [((RADII, ANGLES), shift) for shift in range(32, ANGLES, 32)] + [((24, 96), 64), ((32, 128), 32)]


@pytest.mark.parametrize(("grid", "shift"), SHIFTS)
def test_a_coin_turned_has_the_same_embedding(
    embedder: Polar, grid: tuple[int, int], shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    coins = _coins(3, seed=2)
    upright, turned = (
        _embed_polar(embedder, coins, partial(torch.roll, shifts=k, dims=3), monkeypatch, grid) for k in (0, shift)
    )
    torch.testing.assert_close(turned, upright, rtol=0, atol=1e-5)
    assert (upright @ upright.T)[0, 1:].max() < 0.99  # other coins have other embeddings


def test_a_coin_shifted_towards_its_rim_is_another(embedder: Polar, monkeypatch: pytest.MonkeyPatch) -> None:
    coins = _coins(3, seed=2)
    one, other = (_embed_polar(embedder, coins, partial(torch.roll, shifts=k, dims=2), monkeypatch) for k in (0, 16))
    assert (one - other).norm(dim=1).min() > 0.1


def test_a_mirrored_coin_is_another_however_it_is_turned(embedder: Polar, monkeypatch: pytest.MonkeyPatch) -> None:
    coin = _coins(1, seed=2)
    upright = _embed_polar(embedder, coin, lambda x: x, monkeypatch)
    mirrored = _embed_polar(
        embedder, coin, lambda x: torch.cat([x.flip(3).roll(k, 3) for k in range(32)]), monkeypatch
    )  # further turns are those again
    assert (mirrored - upright).norm(dim=1).min() > 0.1


def test_the_embedder_halves_the_coin_before_it_looks(embedder: Polar) -> None:
    coin = _coins(2, seed=5, size=256)
    with torch.no_grad():
        torch.testing.assert_close(embedder(coin), embedder.embed(nn.functional.avg_pool2d(coin, 2)))


def test_the_networks_own_grid_is_the_one_of_its_settings(embedder: Polar) -> None:
    coins = _coins(2, seed=5)
    with torch.no_grad():
        torch.testing.assert_close(embedder.embed(coins), embedder.embed_unrolled(coins, (RADII, ANGLES)))


def test_no_convolution_is_padded_along_the_angle(embedder: Polar) -> None:
    wide = [conv for conv in embedder.backbone.modules() if isinstance(conv, nn.Conv2d) and conv.kernel_size[1] > 1]
    assert len(wide) >= 10
    assert all(conv.padding[1] == 0 and conv.padding[0] == conv.kernel_size[0] // 2 for conv in wide)


def test_the_head_is_as_wide_as_its_levels_give(embedder: Polar) -> None:
    with torch.no_grad():
        levels = embedder.backbone(torch.randn(1, 3, RADII, ANGLES))
    shapes = [tuple(level.shape[1:]) for level in levels]
    assert [shape[1:] for shape in shapes] == [(12, 40), (6, 20), (3, 10), (2, 5)]
    first = [next(layer for layer in branch.modules() if isinstance(layer, nn.Conv2d)) for branch in embedder.branches]
    assert [conv.in_channels for conv in first] == [shape[0] for shape in shapes]
    assert all(conv.out_channels == DEFAULTS.branch_width for conv in first)
    # Bands of radii times the mean and the harmonics that so many samples hold.
    assert [spectrum.size for spectrum in embedder.spectra] == [3 * 5, 3 * 5, 3 * 5, 2 * 3]
    assert embedder.head[0].in_features == DEFAULTS.branch_width * 51


@pytest.mark.parametrize(("radii", "angles"), [(12, 40), (6, 20), (3, 10), (2, 5), (1, 3)])
def test_spectrum_has_the_amplitudes_of_a_fourier_transform(radii: int, angles: int) -> None:
    features = np.random.default_rng(0).standard_normal((2, 7, radii, angles)).astype(np.float32)
    bands, harmonics = min(radii, BANDS), min(HARMONICS, (angles - 1) // 2)
    pooled = features.reshape(2, 7, bands, radii // bands, angles).mean(3)
    amplitude = np.abs(np.fft.rfft(pooled))[..., 1 : 1 + harmonics] * 2 / angles
    expected = np.concatenate([pooled.mean(3, keepdims=True), np.sqrt(amplitude**2 + 1e-6)], 3).reshape(2, -1)
    spectrum = Spectrum(angles, radii)
    result = spectrum(torch.from_numpy(features))
    assert result.shape == (2, 7 * spectrum.size)
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(4, 20), (5, 20), (8, 30), (2, 6), (1, 3)])
def test_spectrum_of_other_sizes_has_the_same_length(height: int, width: int) -> None:
    spectrum = Spectrum(20, 6)
    features = torch.randn(2, 6, height, width, generator=torch.Generator().manual_seed(0))
    result = spectrum(features)
    assert result.shape == (2, 6 * spectrum.size)
    torch.testing.assert_close(spectrum(features.roll(1, 3)), result, rtol=0, atol=1e-5)


def test_spectrum_of_a_wave_stays_as_it_turns() -> None:
    turn = torch.arange(40) * (2 * math.pi / 40)
    wave = torch.stack([0.5 + 3 * torch.cos(2 * turn + phase) for phase in (0.0, 1.0, 2.5)])
    result = Spectrum(40, 1)(wave[:, None, None])
    torch.testing.assert_close(result, torch.tensor([[0.5, 0.001, 3, 0.001, 0.001]]).expand(3, 5), rtol=0, atol=1e-5)


def test_spectrum_learns_from_flat_features() -> None:
    features = torch.zeros(1, 2, 3, 10, requires_grad=True)
    Spectrum(10, 3)(features).sum().backward()
    assert features.grad is not None and features.grad.isfinite().all()


def test_unrolled_the_centre_is_on_top_and_angles_go_across() -> None:
    axis = torch.arange(128) - 63.5
    radius = torch.hypot(axis[:, None], axis[None])
    angle = torch.atan2(axis[:, None].expand(128, 128), axis[None].expand(128, 128))
    polar = unroll(torch.stack([radius, torch.cos(angle), torch.sin(angle)])[None])[0]
    assert polar.shape == (3, RADII, ANGLES)
    expected = (torch.arange(RADII) + 0.5) * 60 / RADII
    torch.testing.assert_close(polar[0], expected[:, None].expand(RADII, ANGLES), rtol=0, atol=0.3)
    turn = (torch.arange(ANGLES) + 0.25) * (2 * math.pi / ANGLES)
    torch.testing.assert_close(polar[1, 8:], torch.cos(turn).expand(RADII - 8, ANGLES), rtol=0, atol=0.02)
    torch.testing.assert_close(polar[2, 8:], torch.sin(turn).expand(RADII - 8, ANGLES), rtol=0, atol=0.02)


def test_even_out_takes_exposure_and_contrast_away() -> None:
    coin = _coins(2, seed=7).mean(1, keepdim=True).expand(2, 3, 128, 128)
    torch.testing.assert_close(even_out(2.5 * coin + 0.7), even_out(coin), rtol=0, atol=0.35)
    relief = even_out(coin)[..., 40:88, 40:88]
    assert 0.5 < relief.std() < 1.5
    flat = even_out(torch.full((1, 3, 128, 128), 0.4))
    torch.testing.assert_close(flat, torch.zeros_like(flat), rtol=0, atol=1e-4)


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


def test_every_mask_counts_as_much_in_the_dice_loss() -> None:
    """A core has a quarter of its coin's pixels."""
    mask = torch.zeros(1, 2, 8, 8)
    mask[:, 0, :, :4], mask[:, 1, :2, :1] = 1.0, 1.0
    logits = (mask - 0.5) * 100
    for wrong in (0, 1):
        missed = logits.clone()
        missed[:, wrong] = -50.0
        assert dice_loss(missed, mask, smooth=0.0).item() == pytest.approx(0.5)


def test_schedule() -> None:
    assert cosine(0.05, 0.1) == pytest.approx(0.5)
    assert cosine(0.1, 0.1) == pytest.approx(1.0)
    assert cosine(1.0, 0.1) == pytest.approx(0.0)
    assert [phase(((0.6, 128), (1.0, 256)), p) for p in (0.0, 0.59, 0.6, 1.0)] == [128, 128, 256, 256]


def test_a_budget_of_steps_does_not_look_at_the_time() -> None:
    clock = Clock(minutes=1e-9, steps=10, spent=500.0, step=4)
    clock.step = 10
    assert clock.over
    assert Clock(minutes=20, spent=5).progress == pytest.approx(0.25, abs=0.02)
    assert Clock(minutes=20, spent=21).over


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
