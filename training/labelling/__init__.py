"""Labels real photos: circles are proposed, refined to ellipses, reviewed by a person, exported as masks."""
