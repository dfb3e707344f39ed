// What Ghost's scheduler calls when a post comes due: /ghost/api/admin/schedules/posts/ID/?token=...
'use strict';

const crypto = require('node:crypto');
const config = require('../../shared/config.js');
const {json, failure} = require('./answers.js');
const {now} = require('../rows.js');

const SECRET = crypto.randomBytes(32);
const PLACE = /^\/ghost\/api\/admin\/schedules\/posts\/([^/]+)\/$/;
const EARLY_SECONDS = 600;

const encoded = value => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = text => crypto.createHmac('sha256', SECRET).update(text).digest('base64url');

/** A JSON Web Token as Ghost signs it: valid from ten minutes before the post is due. */
function address(post) {
    const due = Date.parse(`${post.published_at.replace(' ', 'T')}Z`) / 1000;
    const text = `${encoded({alg: 'HS256', typ: 'JWT'})}.${encoded({nbf: due - EARLY_SECONDS})}`;
    return `http://127.0.0.1:${config.port}${config.subdirectory}/ghost/api/admin/schedules/posts/${post.id}/?token=${text}.${signed(text)}`;
}

module.exports = function schedules({database, request, response, asked}) {
    const [, id] = asked.pathname.match(PLACE) || [];
    if (!id || request.method !== 'PUT') {
        return false;
    }
    const [head, payload, signature] = String(asked.searchParams.get('token')).split('.');
    if (signature !== signed(`${head}.${payload}`)) {
        return failure(response, 401, 'UnauthorizedError', 'Invalid token', 'INVALID_JWT');
    }
    database.prepare('UPDATE posts SET status = \'published\', updated_at = ? WHERE id = ? AND status = \'scheduled\''
        + ' AND published_at <= ?').run(now(), id, now());
    return json(response, 200, {posts: []});
};
module.exports.address = address;
