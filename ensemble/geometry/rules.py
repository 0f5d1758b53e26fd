"""What counts as one coin, and how closely it is framed."""

# Of a mask, which coin is it
SOLID = 0.8  # least share of a coin's mask that is no hole
WHOLE_FILL = 0.94  # area over that of the ellipse with the same moments: one coin has 0.99, two that touch 0.9
CORE_DEPTH = 0.6  # of the greatest depth; deeper pixels are the core of a coin
SLACK = 0.5  # px of the labels that are added to the core's outline
LABELLED = 128  # px, side of the mask in which components are labelled

# Is it a coin, and how is it framed
ZOOM_MARGIN = 1.35  # side of the zoom window over the coin's diameter
SOURCE_SIZE = 320  # px, antialiased picture that the rectification samples from
MIN_AREA = 0.02  # least area of a coin, as a share of the zoom window
MIN_FILL = 0.8  # least area over that of the ellipse with the same moments; a disc has 1, a ring much less

# Its outline
DIRECTIONS = 48  # of tangents
FITS = 4  # of the ellipse to its tangents, the last one apart; more change nothing
CLOSE = 0.005  # two ellipses that overlap a mask so alike, in IoU, are averaged: else a grey level would choose one
GIVE = 1.0  # px: a tangent that lies farther from the ellipse counts as if it lay this far
