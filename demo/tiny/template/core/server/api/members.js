// What the portal script asks: the site's public face, and nobody is signed in.
'use strict';

const config = require('../../shared/config.js');
const {json} = require('./answers.js');

module.exports = function members({database, response, asked}) {
    if (asked.pathname === '/members/api/site/') {
        const title = database.prepare('SELECT value FROM settings WHERE key = \'title\'').get();
        return json(response, 200, {site: {title: title && title.value, url: `${config.url}/`, version: config.minor}});
    }
    if (asked.pathname === '/members/api/member/') {
        response.writeHead(204);
        response.end();
        return true;
    }
    return false;
};
