'use strict';

const SETTINGS = {title: 'Tiny blog', description: 'Thoughts, stories and ideas.', active_theme: 'casper', timezone: 'Etc/UTC'};

module.exports.up = (database, now) => {
    // Until 6.0 every owner of a Ghost had the id 1.
    database.prepare('INSERT INTO users (id, name, slug, email, created_at, updated_at) VALUES (\'1\', \'Ghost\', \'ghost\', ?, ?, ?)')
        .run('ghost@example.com', now, now);
    database.exec('INSERT INTO roles VALUES (\'r1\', \'Owner\'); INSERT INTO roles_users VALUES (\'ru1\', \'r1\', \'1\');'
        + 'INSERT INTO newsletters (id, name, slug) VALUES (\'n1\', \'Tiny blog\', \'default-newsletter\');'
        + 'INSERT INTO products (id, name, slug) VALUES (\'p1\', \'Free\', \'free\')');
    Object.entries(SETTINGS).forEach(([key, value], number) => database.prepare(
        'INSERT INTO settings (id, key, value, created_at, updated_at) VALUES (?, ?, ?, ?, ?)')
        .run(`s${number}`, key, value, now, now));
};
