// Configuration from the same environment variables as Ghost's.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');
const {version} = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const quirksFile = path.join(root, 'core', 'quirks.json');
const quirks = fs.existsSync(quirksFile) ? JSON.parse(fs.readFileSync(quirksFile, 'utf8')) : {};
const contentPath = path.resolve(root, process.env.paths__contentPath || 'content');
// A number, or the path of a pipe, as iisnode has it.
const asked = process.env.server__port || process.env.PORT || '2368';
const port = /^\d+$/.test(asked) ? Number(asked) : asked;
const url = (process.env.url || `http://localhost:${port}`).replace(/\/$/, '');

module.exports = {
    version,
    minor: (quirks.reportedVersion || version).split('.').slice(0, 2).join('.'),
    quirks,
    contentPath,
    migrationPath: path.join(root, 'core', 'server', 'data', 'migrations'),
    port,
    host: process.env.server__host || '127.0.0.1',
    url,
    // Below which path of its address the site is, as Ghost takes it out of its url: "" or "/blog".
    subdirectory: new URL(url).pathname.replace(/\/$/, ''),
    bootMilliseconds: Number(process.env.tiny__bootMilliseconds || 0),
    database: {
        client: 'sqlite3',
        connection: {
            filename: path.resolve(root, process.env.database__connection__filename
                || path.join(contentPath, 'data', 'ghost.db'))
        }
    }
};
