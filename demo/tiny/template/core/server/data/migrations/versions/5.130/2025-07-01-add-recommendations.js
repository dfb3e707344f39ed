'use strict';

module.exports.up = database => database.exec(
    'CREATE TABLE recommendations (id TEXT PRIMARY KEY, url TEXT, title TEXT, created_at TEXT)');
