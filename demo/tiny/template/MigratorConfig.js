'use strict';

const config = require('./core/shared/config.js');

module.exports = {
    currentVersion: config.minor,
    database: config.database,
    migrationPath: config.migrationPath,
    contentPath: config.contentPath
};
