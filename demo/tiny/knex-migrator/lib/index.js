// What Ghost's knex-migrator does, as far as an upgrade can see it: a lock, an export first, one row per
// migration, and a lock left behind by whatever fails or is killed in between.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const {DatabaseSync} = require('node:sqlite');

const order = version => version.split('.').map(Number).reduce((sum, part) => sum * 1000 + part, 0);
const now = () => new Date().toISOString().slice(0, 19).replace('T', ' ');

function open(filename) {
    const database = new DatabaseSync(filename);
    database.exec('PRAGMA busy_timeout = 5000');
    return database;
}

const hasTables = database => database.prepare(
    'SELECT count(*) AS n FROM sqlite_master WHERE name = \'migrations\'').get().n > 0;

/** The version that the newest migration was run by, as "5.130"; null for a database without tables. */
function databaseVersion(database) {
    if (!hasTables(database)) {
        return null;
    }
    const newest = database.prepare('SELECT currentVersion FROM migrations ORDER BY id DESC LIMIT 1').get();
    return newest ? newest.currentVersion : null;
}

function pending(database, config) {
    const versions = path.join(config.migrationPath, 'versions');
    const done = new Set(database.prepare('SELECT version, name FROM migrations').all()
        .map(row => `${row.version}/${row.name}`));
    return fs.readdirSync(versions).sort((a, b) => order(a) - order(b)).flatMap(
        version => fs.readdirSync(path.join(versions, version)).sort().map(name => ({version, name})))
        .filter(one => !done.has(`${one.version}/${one.name}`));
}

const note = (database, config, one) => database.prepare(
    'INSERT INTO migrations (name, version, currentVersion) VALUES (?, ?, ?)')
    .run(one.name, one.version, config.currentVersion);

const load = (config, one) => require(path.join(config.migrationPath, 'versions', one.version, one.name));

function initialise(database, config) {
    for (const name of fs.readdirSync(path.join(config.migrationPath, 'init')).sort()) {
        require(path.join(config.migrationPath, 'init', name)).up(database, now());
        note(database, config, {version: 'init', name});
    }
}

/** Applies what is missing and returns how many migrations that were. */
function migrate(config, {init, log = () => {}}) {
    const filename = config.database.connection.filename;
    const database = open(filename);
    try {
        if (!hasTables(database)) {
            if (!init) {
                throw new Error('Database is not initialised');
            }
            initialise(database, config);
        }
        const lock = database.prepare('SELECT locked FROM migrations_lock').get();
        if (lock.locked) {
            throw new Error('Migration lock was never released or currently a migration is running.');
        }
        const todo = pending(database, config);
        if (todo.length === 0) {
            return 0;
        }
        database.prepare('UPDATE migrations_lock SET locked = 1, acquired_at = ?').run(now());
        if (!process.env.disableJSBackups) {
            const posts = database.prepare('SELECT * FROM posts').all();
            fs.writeFileSync(path.join(config.contentPath, 'data', `export-${Date.now()}.json`), JSON.stringify({posts}));
        }
        for (const one of todo) {
            log(`Running ${one.version}/${one.name}`);
            database.exec('BEGIN');
            try {
                load(config, one).up(database, now());
                note(database, config, one);
                database.exec('COMMIT');
            } catch (error) {
                database.exec('ROLLBACK');
                throw error;
            }
        }
        database.prepare('UPDATE migrations_lock SET locked = 0, released_at = ?').run(now());
        return todo.length;
    } finally {
        database.close();
    }
}

module.exports = {databaseVersion, migrate, open, order};
