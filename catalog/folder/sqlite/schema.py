"""Tables of the database, and the steps that bring those of earlier releases up to date.

Numbers of views and changes are never used twice. A view has at most one embedding of each model. Its generation says
whether it counts, so a whole set can be made beside the one that is searched. A relief map counts as soon as it is
there: a search judges views without one by their embedding.
"""

from dataclasses import dataclass

# Kinds of changes. Those of views name a range of views, the others a range of generations.
ADDED, REMOVED, UPDATED, GENERATIONS = 1, 2, 3, 4

TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, country TEXT NOT NULL, currency TEXT NOT NULL, denomination TEXT NOT NULL, year INTEGER,
    metadata TEXT NOT NULL
);
CREATE INDEX entries_by_country ON entries (country);
CREATE INDEX entries_by_currency ON entries (currency);
CREATE TABLE attributes (
    entry INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (key, value, entry)
) WITHOUT ROWID;
CREATE INDEX attributes_of_entry ON attributes (entry);
CREATE TABLE views (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    side TEXT NOT NULL
);
CREATE INDEX views_of_entry ON views (entry);
CREATE TABLE pictures (
    view INTEGER PRIMARY KEY REFERENCES views (number) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
);
CREATE TABLE generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    counts INTEGER NOT NULL
);
CREATE TABLE embeddings (
    view INTEGER NOT NULL REFERENCES views (number) ON DELETE CASCADE,
    generation INTEGER NOT NULL REFERENCES generations (number),
    embedding BLOB NOT NULL,
    PRIMARY KEY (view, generation)
) WITHOUT ROWID;
CREATE INDEX embeddings_by_generation ON embeddings (generation, view);
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    nonce INTEGER NOT NULL DEFAULT (random())
);
"""

# In release 1 an entry was one side of a coin, and a view had one embedding. The connection fills the attributes,
# because SQLite writes numbers differently from JSON.
FROM_1 = f"""
ALTER TABLE entries RENAME TO old_entries;
ALTER TABLE views RENAME TO old_views;
ALTER TABLE changes RENAME TO old_changes;
DROP INDEX views_of_entry;
{TABLES}
INSERT INTO entries (number, id, name, country, currency, denomination, year, metadata)
    SELECT number, id, name, country, currency, denomination, year, metadata FROM old_entries;
INSERT INTO views (number, entry, side)
    SELECT old_views.number, old_entries.number, old_entries.side
    FROM old_views JOIN old_entries ON old_entries.id = old_views.entry_id;
INSERT INTO pictures (view, jpeg) SELECT number, picture FROM old_views WHERE length(picture) > 0;
INSERT INTO generations (fingerprint, counts) SELECT DISTINCT fingerprint, 1 FROM old_views;
INSERT INTO embeddings (view, generation, embedding)
    SELECT old_views.number, generations.number, embedding
    FROM old_views JOIN generations ON generations.fingerprint = old_views.fingerprint;
INSERT INTO changes (sequence, kind, first, last)
    SELECT sequence, CASE added WHEN 1 THEN {ADDED} ELSE {REMOVED} END, view, view FROM old_changes;
-- Numbers of views that were removed must not come again.
UPDATE sqlite_sequence SET seq = (SELECT old.seq FROM sqlite_sequence AS old WHERE old.name = 'old_views')
    WHERE name = 'views';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'views', seq FROM sqlite_sequence
    WHERE name = 'old_views' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'views');
DROP TABLE old_views;
DROP TABLE old_entries;
DROP TABLE old_changes;
"""


@dataclass(frozen=True)
class Step:
    """A change of the tables since schema 2.

    Attributes:
        name: what changes, for the log and for errors.
        script: SQL; each statement ends with ";" at the end of a line.
    """

    name: str
    script: str


# New steps go to the end, and steps never change: a database only counts how many it has.
STEPS: tuple[Step, ...] = (
    Step(
        "entries have a mint mark",
        """
        ALTER TABLE entries ADD COLUMN mint_mark TEXT;
        CREATE INDEX entries_by_mint_mark ON entries (mint_mark);
        """,
    ),
    # A map lies in the table's own leaf: 2,400 bytes fit into a page.
    Step(
        "views have relief maps",
        """
        CREATE TABLE mappers (
            number INTEGER PRIMARY KEY,
            fingerprint TEXT NOT NULL UNIQUE
        );
        CREATE TABLE reliefs (
            view INTEGER NOT NULL REFERENCES views (number) ON DELETE CASCADE,
            mapper INTEGER NOT NULL REFERENCES mappers (number),
            map BLOB NOT NULL
        );
        CREATE UNIQUE INDEX reliefs_by_view ON reliefs (view, mapper);
        """,
    ),
    Step(
        "views know their photos by SHA-256",
        """
        ALTER TABLE views ADD COLUMN photo TEXT;
        CREATE INDEX views_by_photo ON views (photo) WHERE photo IS NOT NULL;
        """,
    ),
    # `folded` is a function of the connection. Filters compare what it makes of their values.
    Step("metadata is compared whatever its case", "UPDATE attributes SET value = folded(value);\n"),
    # An event outlives its entry, so it names it by its id.
    Step(
        "changes of entries have a history",
        """
        CREATE TABLE events (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            who TEXT NOT NULL,
            kind TEXT NOT NULL,
            entry TEXT NOT NULL,
            other TEXT NOT NULL,
            said TEXT NOT NULL,
            undoes INTEGER
        );
        CREATE INDEX events_by_entry ON events (entry);
        CREATE INDEX events_by_other ON events (other);
        CREATE TABLE kept (
            event INTEGER PRIMARY KEY REFERENCES events (number) ON DELETE CASCADE,
            records BLOB NOT NULL
        );
        """,
    ),
)

BASE = 2  # the schema that TABLES and FROM_1 make; the steps start from it
IDENTITY = """
INSERT OR IGNORE INTO settings (key, value) VALUES ('identity', lower(hex(randomblob(16))));
"""
