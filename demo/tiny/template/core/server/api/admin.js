// Ghost's Admin API, as far as releases and tests use it.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const config = require('../../shared/config.js');
const {body, failure, json} = require('./answers.js');
const refusal = require('./keys.js');
const {id, iso, now, slug, uuid} = require('../rows.js');

const PREFIX = '/ghost/api/admin/';
// Resource -> its table, a condition, and the order Ghost lists it in.
const LISTED = {
    posts: ['posts', 'type = \'post\'', 'published_at DESC, id'],
    pages: ['posts', 'type = \'page\'', 'title, id'],
    members: ['members', '1 = 1', 'created_at DESC, id'],
    tags: ['tags', '1 = 1', 'name, id'],
    users: ['users', '1 = 1', 'name, id'],
    newsletters: ['newsletters', '1 = 1', 'sort_order, id']
};
const TIMES = ['created_at', 'updated_at', 'published_at'];

const shown = row => ({...row, ...Object.fromEntries(TIMES.filter(name => name in row).map(name => [name, iso(row[name])]))});

function condition(filter) {
    const one = /^(status|slug|email):'?([\w@.+-]+)'?$/.exec(filter || '');
    return one ? [`${one[1]} = ?`, [one[2]]] : ['1 = 1', []];
}

function list({database, response, asked}, resource) {
    const [table, always, order] = LISTED[resource];
    const [where, values] = condition(asked.searchParams.get('filter'));
    const total = database.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${always} AND ${where}`).get(...values).n;
    const all = asked.searchParams.get('limit') === 'all';
    const limit = all ? Math.max(total, 1) : Number(asked.searchParams.get('limit') || 15);
    const page = Number(asked.searchParams.get('page') || 1);
    const rows = database.prepare(`SELECT * FROM ${table} WHERE ${always} AND ${where} ORDER BY ${order} LIMIT ? OFFSET ?`)
        .all(...values, limit, (page - 1) * limit);
    const pages = Math.max(1, Math.ceil(total / limit));
    return json(response, 200, {
        [resource]: rows.map(shown),
        meta: {pagination: {page, limit: all ? 'all' : limit, pages, total,
            next: page < pages ? page + 1 : null, prev: page > 1 ? page - 1 : null}}
    });
}

const one = (database, resource, key) => database.prepare(
    `SELECT * FROM ${LISTED[resource][0]} WHERE id = ? AND ${LISTED[resource][1]}`).get(key);

function addPost(database, resource, given) {
    const row = {id: id(), uuid: uuid(), title: given.title, slug: given.slug || slug(given.title),
        html: given.html || '', status: given.status || 'draft', type: resource === 'pages' ? 'page' : 'post',
        visibility: 'public', featured: given.featured ? 1 : 0, feature_image: given.feature_image || null,
        created_at: now(), updated_at: now(),
        published_at: given.published_at ? given.published_at.slice(0, 19).replace('T', ' ')
            : (given.status === 'published' ? now() : null)};
    while (database.prepare('SELECT 1 FROM posts WHERE slug = ?').get(row.slug)) {
        row.slug += '-2';
    }
    const names = Object.keys(row);
    database.prepare(`INSERT INTO posts (${names}) VALUES (${names.map(() => '?')})`).run(...Object.values(row));
    const author = database.prepare('SELECT id FROM users ORDER BY created_at, id LIMIT 1').get();
    database.prepare('INSERT INTO posts_authors (id, post_id, author_id, sort_order) VALUES (?, ?, ?, 0)')
        .run(id(), row.id, author.id);
    return row.id;
}

function addMember(database, resource, given) {
    const row = {id: id(), uuid: uuid(), email: given.email, name: given.name || null, status: 'free',
        created_at: now(), updated_at: now()};
    const names = Object.keys(row);
    database.prepare(`INSERT INTO members (${names}) VALUES (${names.map(() => '?')})`).run(...Object.values(row));
    return row.id;
}

function change(database, resource, key, given) {
    const names = ['title', 'html', 'status', 'slug', 'name', 'email', 'published_at'].filter(name => name in given);
    const sets = [...names.map(name => `${name} = ?`), 'updated_at = ?'];
    database.prepare(`UPDATE ${LISTED[resource][0]} SET ${sets} WHERE id = ?`)
        .run(...names.map(name => given[name]), now(), key);
}

async function write(context, resource, key) {
    const {database, request, response} = context;
    if (request.method === 'DELETE') {
        database.prepare(`DELETE FROM ${LISTED[resource][0]} WHERE id = ?`).run(key);
        return json(response, 204);
    }
    let given;
    try {
        [given] = JSON.parse((await body(request)).toString('utf8'))[resource];
    } catch {
        return failure(response, 400, 'BadRequestError', `${resource} are missing in the body`);
    }
    const needed = resource === 'members' ? 'email' : 'title';
    if (!key && !given[needed]) {
        return failure(response, 422, 'ValidationError', `Validation error, cannot save ${resource.slice(0, -1)}.`);
    }
    if (key) {
        change(database, resource, key, given);
    } else {
        key = (resource === 'members' ? addMember : addPost)(database, resource, given);
    }
    return json(response, request.method === 'POST' ? 201 : 200, {[resource]: [shown(one(database, resource, key))]});
}

/** The first file of a multipart body: enough for an image. */
function firstFile(content, type) {
    const boundary = /boundary="?([^";]+)/.exec(type || '');
    const text = content.toString('latin1');
    const name = /filename="([^"]+)"/.exec(text);
    if (!boundary || !name) {
        return null;
    }
    const start = text.indexOf('\r\n\r\n', name.index) + 4;
    const end = text.indexOf(`\r\n--${boundary[1]}`, start);
    return {name: path.basename(name[1]).replace(/[^\w.-]/g, '-'), content: content.subarray(start, end)};
}

async function upload({request, response}) {
    const file = firstFile(await body(request), request.headers['content-type']);
    if (!file) {
        return failure(response, 422, 'ValidationError', 'Please select an image.');
    }
    const folder = path.join('images', now().slice(0, 7).replace('-', path.sep));
    fs.mkdirSync(path.join(config.contentPath, folder), {recursive: true});
    fs.writeFileSync(path.join(config.contentPath, folder, file.name), file.content);
    const url = `${config.url}/content/${folder.split(path.sep).join('/')}/${file.name}`;
    return json(response, 201, {images: [{url, ref: null}]});
}

module.exports = async function admin(context) {
    const {database, request, response, asked} = context;
    if (!asked.pathname.startsWith(PREFIX)) {
        return false;
    }
    const [resource, key] = asked.pathname.slice(PREFIX.length).replace(/\/$/, '').split('/');
    if (resource === 'site' && request.method === 'GET') {
        const title = database.prepare('SELECT value FROM settings WHERE key = \'title\'').get();
        return json(response, 200, {site: {title: title && title.value, url: `${config.url}/`, version: config.minor}});
    }
    const refused = refusal(database, request.headers.authorization);
    if (refused) {
        return failure(response, ...refused);
    }
    if (resource === 'config') {
        return json(response, 200, {config: {version: config.version, environment: 'production', database: 'sqlite3'}});
    }
    if (resource === 'settings') {
        return json(response, 200, {settings: database.prepare('SELECT key, value FROM settings ORDER BY key').all()});
    }
    if (resource === 'images' && key === 'upload' && request.method === 'POST') {
        return upload(context);
    }
    if (resource in LISTED && !(key && !one(database, resource, key))) {
        if (request.method === 'GET') {
            return key ? json(response, 200, {[resource]: [shown(one(database, resource, key))]}) : list(context, resource);
        }
        return write(context, resource, key);
    }
    return failure(response, 404, 'NotFoundError', 'Resource not found error, cannot read.');
};
