"""What counts as one coin, and how closely it is framed."""

# Of masks, which coin is it
SIMILAR = 0.5  # of the largest core's pixels: of cores with at least as many, the one nearest to the middle counts
CORE_SIZE = 0.5  # of a core over that of its coin
REACH = 1.12  # how far a coin may reach beyond what its core says
PIXEL = 0.5  # labelled px that are added to the core: moments of whole pixels take off some of few
LABELLED = 128  # px, side of the mask in which components are labelled

# Is it a coin, and how is it framed
ZOOM_MARGIN = 1.35  # side of the zoom window over the coin's diameter
SOURCE_SIZE = 320  # px, antialiased picture that the rectification samples from
MIN_AREA = 0.02  # least area of a coin, as a share of the zoom window
EDGE = 4  # px of the zoom window within which a coin is at the photo's edge
MIN_FILL = 0.8  # least area over that of the ellipse with the same moments; a disc has 1, a ring much less

# Its outline; lengths are of a ray, over the coin's radius
RAYS = 64  # from the middle to the rim
BEGIN = 0.95  # of the ellipse that is known so far: where the search for the rim begins
SEARCH = 0.4  # how far it goes, outwards or inwards
PLACES = 32  # that are looked at on either way
SHARP = 4  # how much steeper the edge of a mask is taken than the probabilities have it
BEYOND = 1.2, 1.3  # a mask that goes on so far belongs to another coin, too; between the two, a ray counts in part
GIVE = 0.012  # a ray that lies farther from the ellipse counts as if it lay this far
FITS = 20  # of the ellipse to its rays; more change nothing
FRAMES = 2  # how often rays are drawn, from the ellipse as it then is

# All coins of a photo
LEAST_CORE = 6  # px of a mask: less is no core
WITHIN = 0.8  # of its radius: what lies within a coin up to this is part of it
SAME_COIN = 0.35  # IoU from which two circles are one coin seen twice
