"""Pictures for people: a recognition on its photo, the photos of an entry, scores, and queries that went wrong."""
