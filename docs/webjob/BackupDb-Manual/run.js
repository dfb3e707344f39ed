// WebJob BackupDb-Manual: writes a consistent copy of Ghost's live database beside it.
//
// content/data/ghost.db -> content/data/backup.db, by VACUUM INTO and a rename: whoever downloads
// backup.db gets a whole database, the former one or the new one, never half of it. Ghost goes on
// running and writing. Uses whichever SQLite the site has: its own driver, else Node's.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const {createRequire} = require('node:module');

const BUSY_MILLISECONDS = 30000;

function siteFolder() {
    const candidates = [process.env.WEBROOT_PATH];
    for (let folder = __dirname; folder !== path.dirname(folder); folder = path.dirname(folder)) {
        candidates.push(folder);
    }
    candidates.push(process.env.HOME && path.join(process.env.HOME, 'site', 'wwwroot'));
    const found = candidates.find(folder => folder && fs.existsSync(path.join(folder, 'package.json'))
        && fs.existsSync(path.join(folder, 'content')));
    if (!found && path.isAbsolute(process.env.database__connection__filename || '')) {
        // A package that is run is not seen from here; the database is, and Node's own SQLite will do.
        return __dirname;
    }
    if (!found) {
        throw new Error('no Ghost found: looked in WEBROOT_PATH, above this job and in HOME/site/wwwroot');
    }
    return found;
}

async function bySqlite3(sqlite3, file, statement) {
    const database = await new Promise((resolve, reject) => {
        const opened = new sqlite3.Database(file, sqlite3.OPEN_READWRITE,
            error => error ? reject(error) : resolve(opened));
    });
    database.configure('busyTimeout', BUSY_MILLISECONDS);
    try {
        return await new Promise((resolve, reject) => {
            database.all(statement, (error, rows) => error ? reject(error) : resolve(rows));
        });
    } finally {
        await new Promise(resolve => database.close(resolve));
    }
}

// Each way opens `file`, runs `statement` on it and resolves to its rows; it throws if the site lacks it.
const WAYS = {
    'better-sqlite3': async (require_, file, statement) => {
        const Database = require_('better-sqlite3');
        const database = new Database(file, {fileMustExist: true, timeout: BUSY_MILLISECONDS});
        try {
            const prepared = database.prepare(statement);
            return prepared.reader ? prepared.all() : [prepared.run()];
        } finally {
            database.close();
        }
    },
    sqlite3: (require_, file, statement) => bySqlite3(require_('sqlite3'), file, statement),
    // Some Ghosts 4, as 4.44.
    '@vscode/sqlite3': (require_, file, statement) => bySqlite3(require_('@vscode/sqlite3'), file, statement),
    'node:sqlite': async (require_, file, statement) => {
        const {DatabaseSync} = require('node:sqlite');
        const database = new DatabaseSync(file);
        try {
            database.exec(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
            return database.prepare(statement).all();
        } finally {
            database.close();
        }
    }
};

function workingWay(require_) {
    const reasons = [];
    for (const name of Object.keys(WAYS)) {
        try {
            if (name === 'node:sqlite') {
                require('node:sqlite');
            } else if (name === 'better-sqlite3') {
                // Loading it is not enough: a binary for another Node fails only when a database is opened.
                new (require_(name))(':memory:').close();
            } else {
                require_(name);
            }
            return name;
        } catch (error) {
            reasons.push(`${name}: ${String(error.message).split('\n')[0]}`);
        }
    }
    throw new Error(`no SQLite to be had (${reasons.join('; ')})`);
}

async function backUp() {
    const site = siteFolder();
    const require_ = createRequire(path.join(site, 'package.json'));
    const live = process.env.database__connection__filename
        ? path.resolve(site, process.env.database__connection__filename)
        : path.join(site, 'content', 'data', 'ghost.db');
    const backup = path.join(path.dirname(live), 'backup.db');
    if (!fs.existsSync(live)) {
        throw new Error(`there is no database at ${live}`);
    }
    for (const name of fs.readdirSync(path.dirname(live))) {
        if (/^backup\.db\.\d+\.part(-journal)?$/.test(name)) {
            fs.rmSync(path.join(path.dirname(live), name));
        }
    }
    const way = workingWay(require_);
    const part = `${backup}.${process.pid}.part`;
    try {
        await WAYS[way](require_, live, `VACUUM INTO '${part.replace(/'/g, '\'\'')}'`);
        const [verdict] = await WAYS[way](require_, part, 'PRAGMA integrity_check(1)');
        if (verdict.integrity_check !== 'ok') {
            throw new Error(`the copy is damaged: ${verdict.integrity_check}`);
        }
        fs.renameSync(part, backup);
    } finally {
        fs.rmSync(part, {force: true});
    }
    console.log(`${backup}: ${fs.statSync(backup).size} bytes, copied with ${way}`);
}

backUp().catch(error => {
    console.error(`The backup failed: ${error.message}`);
    process.exitCode = 1;
});
