// The whole site: https first, then the APIs, files, pages; and posts that come due.
'use strict';

const config = require('../shared/config.js');
const admin = require('./api/admin.js');
const members = require('./api/members.js');
const files = require('../frontend/files.js');
const pages = require('../frontend/pages.js');
const {now} = require('./rows.js');

const PUBLISH_EVERY_MILLISECONDS = 500;

function publishDuePosts(database) {
    database.prepare('UPDATE posts SET status = \'published\', updated_at = ? WHERE status = \'scheduled\''
        + ' AND published_at <= ?').run(now(), now());
}

module.exports = function site(database) {
    setInterval(() => publishDuePosts(database), PUBLISH_EVERY_MILLISECONDS).unref();

    return async function answer(request, response) {
        const asked = new URL(request.url, 'http://site');
        if (config.url.startsWith('https:') && request.headers['x-forwarded-proto'] !== 'https') {
            response.writeHead(301, {Location: config.url + request.url});
            return response.end();
        }
        try {
            const handlers = [admin, members, files, pages];
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
