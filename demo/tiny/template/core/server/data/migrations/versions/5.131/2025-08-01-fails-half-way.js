'use strict';

// Half of it works, then it fails, as a migration of a real blog does that holds what nobody expected.
module.exports.up = database => {
    database.exec('CREATE TABLE half_done (id TEXT PRIMARY KEY)');
    throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed: tags.slug');
};
