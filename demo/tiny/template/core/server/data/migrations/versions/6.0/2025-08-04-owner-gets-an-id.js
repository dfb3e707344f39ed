'use strict';

const crypto = require('node:crypto');

// As in Ghost 6.0: the owner's id becomes a random one.
module.exports.up = database => {
    const owner = crypto.randomBytes(12).toString('hex');
    for (const [table, column] of [['users', 'id'], ['posts_authors', 'author_id'], ['roles_users', 'user_id']]) {
        database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${column} = '1'`).run(owner);
    }
};
