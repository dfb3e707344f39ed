// What rows need: ids and times as Ghost writes them, and slugs.
'use strict';

const crypto = require('node:crypto');

module.exports = {
    id: () => crypto.randomBytes(12).toString('hex'),
    uuid: () => crypto.randomUUID(),
    now: () => new Date().toISOString().slice(0, 19).replace('T', ' '),
    iso: time => time && `${time.replace(' ', 'T')}.000Z`,
    slug: title => title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'untitled'
};
