// What visitors and feed readers see, with the marks that Ghost's own pages carry.
'use strict';

const config = require('../shared/config.js');

const escape = text => String(text ?? '').replace(/[&<>"]/g, letter => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[letter]);
const setting = (database, key) => database.prepare('SELECT value FROM settings WHERE key = ?').get(key)?.value ?? '';
const published = (database, type) => database.prepare(
    'SELECT * FROM posts WHERE status = \'published\' AND type = ? ORDER BY published_at DESC, id').all(type);

function send(response, status, type, text) {
    response.writeHead(status, {'Content-Type': `${type}; charset=utf-8`, 'Content-Length': Buffer.byteLength(text),
        'Cache-Control': 'public, max-age=0'});
    response.end(text);
    return true;
}

function html(database, title, inside) {
    return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<meta name="generator" content="Ghost ${config.minor}">
<link rel="alternate" type="application/rss+xml" href="${config.url}/rss/">
<link rel="stylesheet" href="${config.subdirectory}/assets/screen.css">
<script defer src="${config.subdirectory}/public/portal.min.js" data-ghost="${config.url}/" data-i18n="true" crossorigin="anonymous"></script>
</head><body class="theme-${escape(setting(database, 'active_theme'))}">
<header><a href="${config.subdirectory}/">${escape(setting(database, 'title'))}</a></header>${inside}</body></html>`;
}

function front(database, response) {
    const posts = published(database, 'post').map(post =>
        `<article>${post.feature_image ? `<img src="${escape(absolute(post.feature_image))}" alt="">` : ''}`
        + `<h2><a href="${config.subdirectory}/${post.slug}/">${escape(post.title)}</a></h2></article>`).join('\n');
    const status = config.quirks.frontPageStatus || 200;
    return send(response, status, 'text/html', html(database, setting(database, 'title'), `<main>${posts}</main>`));
}

function feed(database, response) {
    const items = published(database, 'post').slice(0, 15).map(post =>
        `<item><title>${escape(post.title)}</title><link>${config.url}/${post.slug}/</link><guid>${post.id}</guid></item>`);
    return send(response, 200, 'application/rss+xml', '<?xml version="1.0" encoding="UTF-8"?>'
        + `<rss version="2.0"><channel><title>${escape(setting(database, 'title'))}</title>`
        + `<generator>Ghost ${config.minor}</generator>${items.join('')}</channel></rss>`);
}

const absolute = image => image.replace(/^__GHOST_URL__/, config.url);

function sitemap(database, response, name) {
    const head = '<?xml version="1.0" encoding="UTF-8"?>';
    if (!name) {
        const maps = ['pages', 'posts'].map(one => `<sitemap><loc>${config.url}/sitemap-${one}.xml</loc></sitemap>`);
        return send(response, 200, 'text/xml',
            `${head}<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${maps.join('')}</sitemapindex>`);
    }
    const urls = published(database, name === 'posts' ? 'post' : 'page').map(post =>
        `<url><loc>${config.url}/${post.slug}/</loc>${post.feature_image
            ? `<image:image><image:loc>${escape(absolute(post.feature_image))}</image:loc></image:image>` : ''}</url>`);
    return send(response, 200, 'text/xml', `${head}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"`
        + ` xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">${urls.join('')}</urlset>`);
}

function single(database, response, slug) {
    const post = database.prepare('SELECT * FROM posts WHERE slug = ? AND status = \'published\'').get(slug);
    if (post) {
        const image = post.feature_image ? `<img src="${escape(absolute(post.feature_image))}" alt="">` : '';
        return send(response, 200, 'text/html',
            html(database, post.title, `<article><h1>${escape(post.title)}</h1>${image}${post.html}</article>`));
    }
    return false;
}

function listing(database, response, kind, slug) {
    const [table, link, column] = kind === 'tag' ? ['tags', 'posts_tags', 'tag_id'] : ['users', 'posts_authors', 'author_id'];
    const found = database.prepare(`SELECT * FROM ${table} WHERE slug = ?`).get(slug);
    if (!found) {
        return false;
    }
    const posts = database.prepare(`SELECT posts.* FROM posts JOIN ${link} ON post_id = posts.id
        WHERE ${column} = ? AND status = 'published'`).all(found.id);
    return send(response, 200, 'text/html', html(database, found.name,
        `<main>${posts.map(post => `<a href="${config.subdirectory}/${post.slug}/">${escape(post.title)}</a>`).join('')}</main>`));
}

const missing = (database, response) => send(response, 404, 'text/html', html(database, '404', '<h1>404</h1><p>Page not found</p>'));

module.exports = function pages({database, response, asked}) {
    const {pathname} = asked;
    if (pathname === '/') {
        return front(database, response);
    }
    if (pathname === '/rss/') {
        return feed(database, response);
    }
    const map = /^\/sitemap(?:-(posts|pages))?\.xml$/.exec(pathname);
    if (map) {
        return sitemap(database, response, map[1]);
    }
    if (pathname === '/robots.txt') {
        return send(response, 200, 'text/plain', `User-agent: *\nSitemap: ${config.url}/sitemap.xml\nDisallow: ${config.subdirectory}/ghost/\n`);
    }
    if (pathname === '/ghost/') {
        return send(response, 200, 'text/html', '<!DOCTYPE html><title>Ghost Admin</title><div id="ember-app"></div>');
    }
    if (pathname === '/public/portal.min.js') {
        return send(response, 200, 'text/javascript', '// the portal\n');
    }
    const deeper = /^\/(tag|author)\/([\w-]+)\/$/.exec(pathname);
    if (deeper) {
        return listing(database, response, deeper[1], deeper[2]) || missing(database, response);
    }
    const simple = /^\/([\w-]+)(\/?)$/.exec(pathname);
    if (simple && !simple[2]) {
        response.writeHead(301, {Location: `${config.subdirectory}${pathname}/`, 'Cache-Control': 'public, max-age=31536000'});
        response.end();
        return true;
    }
    return (simple && single(database, response, simple[1])) || missing(database, response);
};
