// Boot as Ghost does: listen and answer 503, migrate whatever database it was pointed at, then serve.
'use strict';

const http = require('node:http');
const {databaseVersion, migrate, open, order} = require('knex-migrator');
const config = require('./shared/config.js');
const migratorConfig = require('../MigratorConfig.js');
const site = require('./server/site.js');

let answer = (request, response) => {
    response.writeHead(503, {'Content-Type': 'text/html; charset=utf-8', 'Retry-After': '1'});
    response.end('<h1>We\'ll be right back.</h1>');
};
const server = http.createServer((request, response) => answer(request, response));

function stop(reason, code) {
    console.log(`Ghost is shutting down: ${reason}`);
    server.close();
    server.closeAllConnections();
    process.exit(code);
}

function boot() {
    const filename = config.database.connection.filename;
    const database = open(filename);
    const found = databaseVersion(database);
    if (found && order(found) > order(config.minor)) {
        // Ghost writes to the newer database before it gives up on it; so does this one.
        database.exec('UPDATE settings SET updated_at = datetime(\'now\')');
        return stop(`the database is of Ghost ${found}, newer than ${config.minor}`, 2);
    }
    database.close();
    migrate(migratorConfig, {init: true, log: line => console.log(line)});
    answer = site(open(filename));
    console.log(`Ghost ${config.version} booted, listening on ${config.host}:${config.port}`);
}

for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => stop(signal, 0));
}
server.on('error', error => stop(error.message, 1));
server.listen(config.port, config.host, () => {
    setTimeout(() => {
        try {
            boot();
        } catch (error) {
            stop(error.message, 1);
        }
    }, config.bootMilliseconds);
});
