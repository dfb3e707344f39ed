'use strict';

module.exports.up = database => database.exec(
    'ALTER TABLE posts ADD COLUMN excerpt_source TEXT; CREATE TABLE automations (id TEXT PRIMARY KEY, name TEXT)');
