-- Ids are never used twice (AUTOINCREMENT): the page and the word index may still hold the id of a chat that is gone,
-- and a child's id is always greater than its parent's, which gives paths their order.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL CHECK (json_valid(value))
) WITHOUT ROWID;

CREATE TABLE models (
    path        TEXT PRIMARY KEY NOT NULL,
    name        TEXT NOT NULL,
    last_opened TEXT,
    inspection  TEXT CHECK (json_valid(inspection)),
    last_error  TEXT CHECK (json_valid(last_error))
) WITHOUT ROWID;

CREATE TABLE chats (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    title      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('chat', 'text')),
    pinned     INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    settings   TEXT NOT NULL CHECK (json_valid(settings)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT,
    leaf       INTEGER,
    -- The end of the path shown is a message of this very chat.
    FOREIGN KEY (id, leaf) REFERENCES messages (chat_id, id)
);

CREATE TABLE messages (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id    INTEGER NOT NULL REFERENCES chats (id),
    parent     INTEGER CHECK (parent < id),
    role       TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content    TEXT NOT NULL,
    state      TEXT NOT NULL
               CHECK (state IN ('complete', 'writing', 'stopped', 'cut_at_length', 'interrupted', 'failed')),
    error      TEXT CHECK (json_valid(error)),
    created_at TEXT NOT NULL,
    model_name TEXT,
    stats      TEXT CHECK (json_valid(stats)),
    UNIQUE (chat_id, id),
    -- A message follows a message of the same chat.
    FOREIGN KEY (chat_id, parent) REFERENCES messages (chat_id, id)
);

CREATE INDEX messages_by_parent ON messages (chat_id, parent, id);
CREATE INDEX messages_being_written ON messages (id) WHERE state = 'writing';

-- Word indexes hold no text of their own. The words arrive already folded and parted by spaces (see words.rs), so
-- the tokenizer has nothing left to decide: `ascii` splits at the spaces and takes every other character as it is.
CREATE VIRTUAL TABLE message_words USING fts5(words, content='', contentless_delete=1, tokenize='ascii');
CREATE VIRTUAL TABLE title_words USING fts5(words, content='', contentless_delete=1, tokenize='ascii');
