'use strict';

module.exports.up = database => database.exec('ALTER TABLE posts_meta ADD COLUMN email_only BOOLEAN DEFAULT 0');
