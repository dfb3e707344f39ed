'use strict';

module.exports.up = (database, now) => database.prepare(
    'INSERT INTO settings (id, key, value, created_at, updated_at) VALUES (?, ?, ?, ?, ?)')
    .run('s-comments', 'comments_enabled', 'all', now, now);
