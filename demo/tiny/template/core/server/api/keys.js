// Admin API keys: a JSON Web Token (HS256), kid = the key's id, aud = /admin/, at most five minutes long.
'use strict';

const crypto = require('node:crypto');

const part = text => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));

/** null when the request may pass, else [status, type, message, code]. */
module.exports = function refusal(database, authorization) {
    if (!authorization) {
        return [403, 'NoPermissionError', 'Authorization failed', null];
    }
    const [scheme, token] = authorization.split(' ');
    if (!/^Ghost$/i.test(scheme) || !token) {
        return [401, 'UnauthorizedError', 'Authorization header format is "Authorization: Ghost [token]"',
            'INVALID_AUTH_HEADER'];
    }
    let header, claims;
    try {
        [header, claims] = token.split('.').slice(0, 2).map(part);
    } catch {
        return [401, 'UnauthorizedError', 'Invalid token', 'INVALID_JWT'];
    }
    const key = database.prepare('SELECT secret FROM api_keys WHERE id = ? AND type = \'admin\'')
        .get(String(header.kid));
    if (!key) {
        return [401, 'UnauthorizedError', 'Unknown Admin API Key', 'UNKNOWN_ADMIN_API_KEY'];
    }
    const [head, payload, signature = ''] = token.split('.');
    const expected = crypto.createHmac('sha256', Buffer.from(key.secret, 'hex')).update(`${head}.${payload}`).digest();
    const given = Buffer.from(signature, 'base64url');
    const seconds = Date.now() / 1000;
    const valid = header.alg === 'HS256'
        && given.length === expected.length && crypto.timingSafeEqual(given, expected)
        && /^\/(v\d+\/)?admin\/$/.test(claims.aud)
        && claims.exp > seconds && claims.iat <= seconds + 5 && claims.exp - claims.iat <= 300;
    return valid ? null : [401, 'UnauthorizedError', 'Invalid token', 'INVALID_JWT'];
};
