// How Ghost's APIs speak: JSON with their version, errors with type and code, bodies in.
'use strict';

const crypto = require('node:crypto');
const config = require('../../shared/config.js');

const MOST_BYTES = 20 * 1024 * 1024;

function json(response, status, body) {
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Version': `v${config.minor}`,
        'Cache-Control': 'no-cache, private, no-store, must-revalidate, max-age=0',
        ...(text && {'Content-Length': Buffer.byteLength(text)})
    });
    response.end(text);
    return true;
}

const failure = (response, status, type, message, code = null) => json(response, status, {
    errors: [{message, context: null, type, details: null, property: null, help: null, code,
        id: crypto.randomUUID(), ghostErrorCode: null}]
});

async function body(request) {
    const parts = [];
    let size = 0;
    for await (const part of request) {
        size += part.length;
        if (size > MOST_BYTES) {
            throw new Error('the request is too large');
        }
        parts.push(part);
    }
    return Buffer.concat(parts);
}

module.exports = {body, failure, json};
