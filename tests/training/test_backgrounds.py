"""Pictures without coins: which are taken, how they are split, and what is made of them."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ensemble.contract import IMAGE_SIZE
from training import mint
from training.backgrounds import compose, fetch
from training.backgrounds.fetch import TEST, TRAIN, Picture, read_pictures, set_of, wanted, write_pictures
from training.backgrounds.round_things import SIDE, THINGS, round_thing
from training.backgrounds.sources import OBJECT, SCENE, SOURCES, Source

ANY = Source("some-package", r"/data/")


def _encoded(picture: np.ndarray, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form)
    return file.getvalue()


def _noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, channels), np.uint8)


# --- what is taken --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "taken"),
    [
        ("./usr/share/x/data/wood.jpg", True),
        ("./usr/share/x/data/WOOD.JPG", True),
        ("./usr/share/x/data.pk3!textures/data/wall.tga", True),
        ("./usr/share/x/other/wood.jpg", False),
        ("./usr/share/x/data/wood.txt", False),
        ("./usr/share/x/data/coins.jpg", False),
        ("./usr/share/x/data/money/purse.png", False),
        ("./usr/share/x/data/wall_nm.png", False),
        ("./usr/share/x/data/icons/star.png", False),
    ],
)
def test_pictures_are_taken_by_their_path(member: str, taken: bool) -> None:
    assert wanted(ANY, member) is taken


def test_a_picture_of_use_is_reduced() -> None:
    picture = fetch.reduce(_encoded(_noise(1500, 2200)), SCENE)
    assert picture is not None and picture.shape == (698, fetch.LONGEST, 3)
    thing = fetch.reduce(_encoded(_noise(200, 300, 4)), OBJECT)
    assert thing is not None and thing.shape == (200, 300, 4)


def test_a_picture_of_no_use_is_left_out() -> None:
    slopes = np.clip(_noise(200, 200) % 20 + np.array([118, 118, 230]), 0, 255).astype(np.uint8)
    useless = {
        "small": _noise(80, 300),
        "narrow": _noise(150, 900),
        "flat": np.full((200, 200, 3), 90, np.uint8),
        "slopes": slopes,
        "transparent": _noise(200, 200, 4),
    }
    for name, picture in useless.items():
        assert fetch.reduce(_encoded(picture), SCENE) is None, name
    assert fetch.reduce(_encoded(_noise(200, 200)), OBJECT) is None
    assert fetch.reduce(b"no picture", SCENE) is None


def test_pictures_that_belong_together_are_in_one_set() -> None:
    sets = {set_of(ANY, f"x/data/brick{number:02d}.jpg") for number in range(20)}
    assert len(sets) == 1
    sets_of_folders = [set_of(ANY, f"x/data/{number}/brick.jpg") for number in range(400)]
    assert np.mean([name == TEST for name in sets_of_folders]) == pytest.approx(fetch.HELD_OUT, abs=0.07)
    assert set_of(Source("p", "", held_out=True), "x/data/brick.jpg") == TEST


def test_the_choice_depends_on_names_alone_and_is_spread_over_folders() -> None:
    members = [f"x/data/{number % 3}/{number}.jpg" for number in range(30)]
    source = Source("some-package", r"/data/", each=2)
    chosen = fetch.choose(source, members)
    assert chosen == fetch.choose(source, members[::-1])
    assert sorted(member.split("/")[2] for member in chosen) == ["0", "0", "1", "1", "2", "2"]


def test_packages_are_named_once() -> None:
    names = [source.package for source in SOURCES]
    assert len(names) == len(set(names))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_package_gives_its_pictures_and_licences(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    for folder in ("DEBIAN", "usr/share/doc/some-package", "usr/share/data"):
        (root / folder).mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: some-package\nVersion: 1.2-3\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n"
    )
    (root / "usr/share/doc/some-package/copyright").write_text("Files: *\nLicense: CC0-1.0\n\nLicense: GPL-2+\n text\n")
    (root / "usr/share/data/one.png").write_bytes(_encoded(_noise(200, 240, seed=1)))
    (root / "usr/share/data/again.png").write_bytes(_encoded(_noise(200, 240, seed=1)))
    smooth = cv2.resize(_noise(5, 5, seed=2), (300, 300), interpolation=cv2.INTER_CUBIC)
    with zipfile.ZipFile(root / "usr/share/data/more.pk3", "w") as archive:
        archive.writestr("data/two.jpg", _encoded(smooth, "JPEG"))
    package = tmp_path / "some-package_1.2-3_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(root), str(package)], check=True, capture_output=True)
    kept = fetch.keep(ANY, package, out)
    assert sorted(picture.member.rpartition("/")[2] for picture in kept if "pk3" in picture.member) == ["two.jpg"]
    assert len(kept) == 2
    for picture in kept:
        assert (picture.package, picture.version, picture.licences) == ("some-package", "1.2-3", "CC0-1.0, GPL-2+")
        stored = cv2.imread(str(out / picture.path))
        assert stored.shape[:2] == (picture.height, picture.width)
    assert "CC0-1.0" in (out / "licences/some-package.txt").read_text()


# --- what is made of them -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes and an object of each set."""
    root = tmp_path_factory.mktemp("backgrounds")
    pictures = []
    for which in (TRAIN, TEST):
        for number, kind in enumerate((SCENE, SCENE, OBJECT)):
            size = (160, 200) if kind == SCENE else (120, 90)
            colours = cv2.resize(_noise(6, 6, 4, number), size[::-1], interpolation=cv2.INTER_CUBIC)
            path = f"{which}-{number}.png"
            cv2.imwrite(str(root / path), colours if kind == OBJECT else colours[..., :3])
            pictures.append(Picture(path, kind, which, "p", "1", path, size[1], size[0], "CC0-1.0"))
    write_pictures(root, pictures)
    return root


def test_the_list_is_read_as_it_was_written(folder: Path) -> None:
    pictures = read_pictures(folder)
    write_pictures(folder, pictures)
    assert read_pictures(folder) == pictures
    assert len(pictures) == 6


def test_training_sees_nothing_that_is_held_out(folder: Path) -> None:
    train, test = (compose.Backgrounds.of(folder, which) for which in (TRAIN, TEST))
    assert train.scenes == ("train-0.png", "train-1.png") and train.objects == ("train-2.png",)
    assert test.scenes == ("held_out-0.png", "held_out-1.png") and test.objects == ("held_out-2.png",)


@pytest.mark.parametrize("thing", range(len(THINGS)))
def test_a_round_thing_covers_a_disc_or_a_ring(thing: int) -> None:
    rng = np.random.default_rng(thing)
    layer, cover = THINGS[thing](rng.random((SIDE, SIDE, 3), np.float32), rng)
    assert layer.shape == (SIDE, SIDE, 3) and np.isfinite(layer).all() and layer.min() >= 0
    assert cover.min() >= 0 and cover.max() <= 1
    assert cover[:4].max() == 0 and cover[SIDE // 2, 14:20].max() > 0.9  # to the rim, not beyond


def test_a_round_thing_is_repeatable() -> None:
    texture = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    one, two = (round_thing(texture, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (SIDE, SIDE, 4) and np.array_equal(one, two)


@pytest.mark.slow
def test_pictures_without_coins_have_empty_masks(folder: Path) -> None:
    backgrounds = compose.Backgrounds.of(folder, TRAIN)
    for seed in range(12):
        photo = compose.without_coins(backgrounds, np.random.default_rng(seed))
        assert not photo.all_coins.any()
        assert photo.picture.std() > 1


@pytest.mark.slow
def test_stores_hold_coins_and_empty_pictures(folder: Path, tmp_path: Path) -> None:
    compose.write(folder, TRAIN, tmp_path, "pasted", 24)
    pictures, masks = np.load(tmp_path / "pasted.npy"), np.load(tmp_path / "pasted_masks.npy")
    assert pictures.shape == (24, IMAGE_SIZE, IMAGE_SIZE, 3) and masks.shape == pictures.shape[:3]
    shares = (masks > 127).mean((1, 2))
    assert 2 <= (shares == 0).sum() <= 16
    assert shares.max() > 0.1
    compose.write(folder, TRAIN, tmp_path, "again", 24)
    assert np.array_equal(np.load(tmp_path / "again.npy"), pictures)


@pytest.mark.slow
def test_a_set_without_pictures_is_named(folder: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path, [picture for picture in read_pictures(folder) if picture.set == TEST])
    with pytest.raises(ValueError, match="no picture for train"):
        compose.write(tmp_path, TRAIN, tmp_path, "pasted", 4)


@pytest.mark.slow
def test_coins_are_hammered_and_painted(folder: Path) -> None:
    rng = np.random.default_rng(0)
    coin = mint.strike(mint.make_design(1), rng)
    struck = compose.hammered(coin, rng)
    assert struck.relief > coin.relief and np.abs(struck.height - coin.height).max() > 1e-3
    print_ = np.zeros((*coin.colour.shape[:2], 3), np.float32)
    print_[..., 0] = 1.0
    coloured = compose.painted(coin, print_, rng)
    middle = tuple(side // 2 for side in coin.colour.shape[:2])
    assert coloured.colour[middle][0] > coin.colour[middle][0] + 0.1
    assert coloured.colour[middle][1] < coin.colour[middle][1]


@pytest.mark.slow
@pytest.mark.parametrize("size", [IMAGE_SIZE, 400])
def test_photos_have_the_size_that_is_asked_for(folder: Path, size: int) -> None:
    backgrounds, pool = (
        compose.Backgrounds.of(folder, TRAIN),
        [mint.strike(mint.make_design(1), np.random.default_rng(0))],
    )
    for seed in range(6):
        photo = compose.with_coins(backgrounds, pool, np.random.default_rng(seed), size)
        assert size * 0.43 < max(photo.picture.shape[:2]) <= size
        assert max(compose.without_coins(backgrounds, np.random.default_rng(seed), size).picture.shape[:2]) == size
