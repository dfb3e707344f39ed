// Written by ghostbot, and loaded before Ghost. It does four things, and nothing while it is not told to:
// it refuses writes for the seconds in which the slots are swapped, it keeps a muted slot from publishing,
// it keeps a version that was brought back from publishing and mailing again what came out in the meantime, and
// it lets no Ghost start on a database that is another version's at the moment.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

// Where the bot writes down what it wants: beside the package, or where that cannot be written to, in /home/data.
const NOTES = ['', '0', undefined].includes(process.env.WEBSITE_RUN_FROM_PACKAGE)
    ? __dirname : path.resolve(__dirname, '..', '..', 'data');
// {"until": milliseconds since 1970}. Past that time the file means nothing: a bot that died leaves no blog closed.
const CLOSED = path.join(NOTES, '.ghostbot-closed.json');
// {"between": [[from, to], ...]}: posts that came due then were published by another copy of this blog's database.
const SILENT = path.join(NOTES, '.ghostbot-silent.json');
// {"fits": version}: the shared database is being changed for that version. Any other one would damage it.
const DATABASE = path.join(NOTES, '.ghostbot-database.json');
const LOOK_EVERY_MILLISECONDS = 200;
// However far in the future the file's time is, by a wrong clock for example.
const CLOSED_AT_MOST_MILLISECONDS = 300_000;
const RETRY_SECONDS = 15;

const READS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
// A sign-in link is a GET that writes: it makes the member, and uses up its token.
const SIGN_IN = /(^|\/)members\/?$/;
// The comment counts of a page are asked for with POST; what is below /.ghost/ other services answer.
const READS_BY_POST = /\/members\/api\/comments\/counts\/?$|^\/\.ghost\//;
const API = /(^|\/)(ghost|members)\/api\//;
// Ghost's scheduler calls its own Admin API with a token in the address, when a post or a mail comes due.
const ADMIN_API = /(^|\/)ghost\/api\/([^/]+\/)?admin\//;
const SCHEDULED_POST = /\/admin\/schedules\//;
// Ghost signs these tokens so that they are valid from ten minutes before the post is due.
const VALID_BEFORE_SECONDS = 600;

let lookedAt = -Infinity;
let told = 0;
let toldSince = 0;
let underWay = 0;

function read(file) {
    try {
        return JSON.parse(fs.readFileSync(file, 'utf8')) || {};
    } catch {
        return {};
    }
}

function cameOutElsewhere(token) {
    let due;
    try {
        due = (JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).nbf + VALID_BEFORE_SECONDS) * 1000;
    } catch {
        return false;
    }
    const {between} = read(SILENT);
    return Array.isArray(between) && between.some(([from, to]) => due >= from && due <= to);
}

function isClosed() {
    const now = Date.now();
    if (Math.abs(now - lookedAt) >= LOOK_EVERY_MILLISECONDS) {
        const until = Number(read(CLOSED).until) || 0;
        toldSince = until === told ? toldSince : now;
        told = until;
        lookedAt = now;
    }
    return now < Math.min(told, toldSince + CLOSED_AT_MOST_MILLISECONDS);
}

function writes(request, pathname, query) {
    if (SIGN_IN.test(pathname) && query.has('token')) {
        return true;
    }
    return !READS.has(request.method) && !READS_BY_POST.test(pathname);
}

function refuse(request, response, pathname) {
    const message = 'This site is being updated and takes no changes for a moment. Please try again.';
    const headers = {
        'Retry-After': String(RETRY_SECONDS),
        'Cache-Control': 'no-store',
        'X-Ghostbot-Closed': `${underWay} under way`
    };
    if (API.test(pathname)) {
        const error = {message, context: null, type: 'MaintenanceError', details: null, property: null, help: null,
            code: 'WRITES_CLOSED', id: null, ghostErrorCode: null};
        response.writeHead(503, {...headers, 'Content-Type': 'application/json; charset=utf-8'});
        return response.end(JSON.stringify({errors: [error]}));
    }
    if (request.method === 'GET') {
        // A browser that followed a sign-in link comes back by itself.
        headers.Refresh = String(RETRY_SECONDS);
    }
    response.writeHead(503, {...headers, 'Content-Type': 'text/plain; charset=utf-8'});
    return response.end(`${message}\n`);
}

const isSilent = (pathname, token) => process.env.GHOSTBOT_MUTED === 'true'
    || (SCHEDULED_POST.test(pathname) && cameOutElsewhere(token));

/** Answer in Ghost's place; false where Ghost shall answer. */
function answered(request, response) {
    const [pathname, search = ''] = request.url.split(/\?(.*)/s);
    const query = new URLSearchParams(search);
    if (ADMIN_API.test(pathname) && query.has('token') && isSilent(pathname, query.get('token'))) {
        // "Gone": the scheduler forgets the job, in this process only. The database stays as it is.
        response.writeHead(404, {'Content-Type': 'text/plain; charset=utf-8'});
        response.end('Not published here.\n');
        return true;
    }
    if (!writes(request, pathname, query)) {
        return false;
    }
    if (isClosed()) {
        refuse(request, response, pathname);
        return true;
    }
    underWay += 1;
    response.once('close', () => {
        underWay -= 1;
    });
    return false;
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function guarded(event, ...rest) {
    if (event === 'request' && answered(...rest)) {
        return true;
    }
    return emit.call(this, event, ...rest);
};

/** The version that the database is for, where that is not this package's; it may not be started then. */
function heldFor() {
    const {fits} = read(DATABASE);
    return typeof fits === 'string' && fits !== read(path.join(__dirname, 'package.json')).version ? fits : null;
}

/** Start Ghost by `boot`: at once, or as soon as the database is for this version. Until then readers are told. */
exports.start = function start(boot) {
    if (heldFor() === null) {
        return boot();
    }
    const server = http.createServer((request, response) => {
        response.writeHead(503, {
            'Retry-After': String(RETRY_SECONDS),
            'Cache-Control': 'no-store',
            'Content-Type': 'text/plain; charset=utf-8',
            'X-Ghostbot-Held': String(heldFor()),
            Connection: 'close',
            Refresh: String(RETRY_SECONDS)
        });
        response.end('This site is being updated. Please try again in a minute.\n');
    });
    // Under IIS the port is the name of a pipe.
    const port = process.env.server__port;
    server.listen(/^\d+$/.test(port) ? {port: Number(port), host: process.env.server__host} : port);
    const looking = setInterval(() => {
        if (heldFor() === null) {
            clearInterval(looking);
            server.close(boot);
        }
    }, LOOK_EVERY_MILLISECONDS);
    return undefined;
};
