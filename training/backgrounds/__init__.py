"""Photographs, textures and single objects without coins, from Debian's packages: what coins lie on, and what is none.

    python -m training.backgrounds.fetch --out BACKGROUNDS
    python -m training.backgrounds.compose BACKGROUNDS --out DATA/scenes

The first command needs Debian or a system made from it. None of the pictures is committed; `pictures.csv` lists each of
them with its package and licences, and a quarter is held out: training never sees these.
"""
