'use strict';

// Ghost's names for tables and columns, as far as a release looks at them.
const TABLES = `
CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, version TEXT, currentVersion TEXT);
CREATE TABLE migrations_lock (lock_key TEXT PRIMARY KEY, locked BOOLEAN DEFAULT 0, acquired_at TEXT, released_at TEXT);
CREATE TABLE posts (id TEXT PRIMARY KEY, uuid TEXT NOT NULL, title TEXT NOT NULL, slug TEXT NOT NULL, html TEXT,
    feature_image TEXT, featured BOOLEAN DEFAULT 0, type TEXT DEFAULT 'post', status TEXT DEFAULT 'draft',
    visibility TEXT DEFAULT 'public', created_at TEXT, updated_at TEXT, published_at TEXT, UNIQUE (slug, type));
CREATE TABLE posts_meta (id TEXT PRIMARY KEY, post_id TEXT NOT NULL, meta_title TEXT, meta_description TEXT);
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, slug TEXT UNIQUE, email TEXT UNIQUE, password TEXT,
    status TEXT DEFAULT 'active', last_seen TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE posts_authors (id TEXT PRIMARY KEY, post_id TEXT NOT NULL, author_id TEXT NOT NULL, sort_order INTEGER);
CREATE TABLE roles (id TEXT PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE roles_users (id TEXT PRIMARY KEY, role_id TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE TABLE tags (id TEXT PRIMARY KEY, name TEXT, slug TEXT UNIQUE, visibility TEXT DEFAULT 'public', created_at TEXT, updated_at TEXT);
CREATE TABLE posts_tags (id TEXT PRIMARY KEY, post_id TEXT NOT NULL, tag_id TEXT NOT NULL, sort_order INTEGER);
CREATE TABLE members (id TEXT PRIMARY KEY, uuid TEXT, email TEXT UNIQUE, name TEXT, status TEXT DEFAULT 'free',
    last_seen_at TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE labels (id TEXT PRIMARY KEY, name TEXT UNIQUE, slug TEXT UNIQUE);
CREATE TABLE members_labels (id TEXT PRIMARY KEY, member_id TEXT, label_id TEXT);
CREATE TABLE newsletters (id TEXT PRIMARY KEY, name TEXT UNIQUE, slug TEXT UNIQUE, status TEXT DEFAULT 'active', sort_order INTEGER DEFAULT 0);
CREATE TABLE members_newsletters (id TEXT PRIMARY KEY, member_id TEXT, newsletter_id TEXT);
CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, slug TEXT UNIQUE, type TEXT DEFAULT 'free');
CREATE TABLE comments (id TEXT PRIMARY KEY, post_id TEXT, member_id TEXT, html TEXT, status TEXT);
CREATE TABLE settings (id TEXT PRIMARY KEY, "group" TEXT DEFAULT 'core', key TEXT UNIQUE, value TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE integrations (id TEXT PRIMARY KEY, type TEXT DEFAULT 'custom', name TEXT, slug TEXT UNIQUE);
CREATE TABLE api_keys (id TEXT PRIMARY KEY, type TEXT, secret TEXT UNIQUE, integration_id TEXT, last_seen_at TEXT);
CREATE TABLE sessions (id TEXT PRIMARY KEY, session_id TEXT, user_id TEXT, session_data TEXT);
`;

module.exports.up = database => {
    database.exec(TABLES);
    database.exec('INSERT INTO migrations_lock (lock_key, locked) VALUES (\'km01\', 0)');
};
