// Files of the content folder and of the active theme.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const config = require('../shared/config.js');

const TYPES = {'.css': 'text/css', '.js': 'text/javascript', '.png': 'image/png', '.jpg': 'image/jpeg',
    '.gif': 'image/gif', '.svg': 'image/svg+xml', '.webp': 'image/webp', '.txt': 'text/plain', '.mp4': 'video/mp4'};

// Nothing outside these folders is anybody's business, the database beside them least of all.
function baseAndRest(database, pathname) {
    const content = /^\/content\/(images|media|files)\/(.+)$/.exec(pathname);
    if (content) {
        return [path.join(config.contentPath, content[1]), content[2]];
    }
    const asset = /^\/assets\/(.+)$/.exec(pathname);
    if (asset) {
        const theme = database.prepare('SELECT value FROM settings WHERE key = \'active_theme\'').get();
        return [path.join(config.contentPath, 'themes', theme.value, 'assets'), asset[1]];
    }
    return null;
}

module.exports = function files({database, response, asked}) {
    const found = baseAndRest(database, decodeURIComponent(asked.pathname));
    const file = found && path.join(...found);
    if (!file || !file.startsWith(found[0] + path.sep) || !fs.statSync(file, {throwIfNoEntry: false})?.isFile()) {
        return false;
    }
    response.writeHead(200, {
        'Content-Type': TYPES[path.extname(file)] || 'application/octet-stream',
        'Content-Length': fs.statSync(file).size,
        'Cache-Control': 'public, max-age=31536000'
    });
    fs.createReadStream(file).pipe(response);
    return true;
};
