"""Which pictures of which packages are taken. All packages are in Debian's `main`, so their licences are free."""

import re
from dataclasses import dataclass

SCENE, OBJECT = "scene", "object"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tga")
ARCHIVES = (".jar", ".pk3", ".sh3f", ".zip")

# What shows coins or might, what is no picture of something (maps of slopes, of gloss), and symbols.
REFUSED = re.compile(
    r"coin|money|euro|dollar|penny|cent[s_.]|treasure|currency|bank|gold|casino|medal|token|chips?[_.]"
    r"|_(nm|norm|normal|normalmap|bump|local|gloss|glow|luma|pants|shirt|spec|height|mask|alpha|disp)\b"
    r"|/(icons?|cursors?|fonts?|gui|html|logos?|flags?)/",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """One package.

    Attributes:
        package: its name.
        take: what the paths of the pictures match; a picture in an archive is `archive!path`.
        most: pictures that are kept.
        each: pictures of one folder that are kept.
        kind: SCENE, opaque pictures of any kind, or OBJECT, single things on a transparent ground.
        held_out: whether all of it is held out; otherwise a quarter of its folders is.
    """

    package: str
    take: str
    most: int = 1000
    each: int = 1000
    kind: str = SCENE
    held_out: bool = False


SOURCES = (
    Source("plasma-workspace-wallpapers", r"/contents/images(_dark)?/", each=1),
    Source("gnome-backgrounds", r"backgrounds/"),
    Source("mate-backgrounds", r"backgrounds/", held_out=True),
    Source("lomiri-wallpapers-16.04", r"\.jpg", held_out=True),
    Source("lomiri-wallpapers-20.04", r"\.jpg"),
    Source("ukui-wallpapers", r"backgrounds/"),
    Source("lxqt-themes", r"wallpapers/"),
    Source("desktop-base", r"wallpaper.*/"),
    Source("mypaint-data-extras", r"backgrounds/"),
    Source("opencv-doc", r"/examples/(data|text)/"),
    Source("python3-skimage", r"skimage/data/"),
    Source("sweethome3d", r"!.*/textures/"),
    Source("sweethome3d-furniture", r"!.*\.jpe?g", most=200, each=3),
    Source("supertuxkart-data", r"/data/(textures|tracks)/", most=450, each=200),
    Source("torcs-data", r"/tracks/", most=120, each=15),
    Source("flightgear-data-base", r"/Textures/Terrain|/Textures/Buildings|Scenery/Models", most=260, each=120),
    Source("redeclipse-data", r"/data/", most=260, each=40),
    Source("openarena-081-textures", r"!textures/", most=260, each=30),
    Source("ufoai-textures", r"!textures/", most=400, each=60),
    Source("nexuiz-textures", r"!textures/", most=260, each=25),
    Source("stellarium-data", r"/(nebulae|landscapes)/", most=60, each=40),
    Source("tuxpaint-stamps-default", r"/stamps/(?!symbols/(alphabets|math|money|music))", kind=OBJECT),
)
