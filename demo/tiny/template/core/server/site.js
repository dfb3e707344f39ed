// The whole site: https first, then the APIs, files, pages; and posts that come due.
'use strict';

const config = require('../shared/config.js');
const admin = require('./api/admin.js');
const members = require('./api/members.js');
const schedules = require('./api/schedules.js');
const files = require('../frontend/files.js');
const pages = require('../frontend/pages.js');
const {now} = require('./rows.js');

const PUBLISH_EVERY_MILLISECONDS = 500;

const forgotten = new Set();

// As Ghost's scheduler does it: with a call to its own API, with a token in the address, which says when it was due.
async function publishDuePosts(database) {
    const due = database.prepare('SELECT id, published_at FROM posts WHERE status = \'scheduled\' AND published_at <= ?');
    for (const post of due.all(now()).filter(one => !forgotten.has(one.id))) {
        const answer = await fetch(schedules.address(post), {method: 'PUT', headers: {'X-Forwarded-Proto': 'https'}});
        if (answer.status === 404) {
            forgotten.add(post.id);
        }
    }
}

module.exports = function site(database) {
    setInterval(() => publishDuePosts(database).catch(() => {}), PUBLISH_EVERY_MILLISECONDS).unref();

    return async function answer(request, response) {
        const asked = new URL(request.url, 'http://site');
        const below = config.subdirectory;
        if (below && !asked.pathname.startsWith(`${below}/`)) {
            response.writeHead(asked.pathname === below ? 301 : 404, asked.pathname === below ? {Location: `${below}/`} : {});
            return response.end();
        }
        if (config.url.startsWith('https:') && request.headers['x-forwarded-proto'] !== 'https') {
            response.writeHead(301, {Location: new URL(request.url, config.url).href});
            return response.end();
        }
        asked.pathname = asked.pathname.slice(below.length);
        try {
            const handlers = [schedules, admin, members, files, pages];
            for (const handler of handlers) {
                if (await handler({database, request, response, asked})) {
                    return;
                }
            }
        } catch (error) {
            console.error(error);
            if (!response.headersSent) {
                response.writeHead(500, {'Content-Type': 'text/html'});
            }
            response.end('<h1>500</h1>');
        }
    };
};
