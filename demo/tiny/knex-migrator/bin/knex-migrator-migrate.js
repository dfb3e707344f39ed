#!/usr/bin/env node
'use strict';

const path = require('node:path');
const {migrate} = require('../lib/index.js');

const words = process.argv.slice(2);
const at = words.indexOf('--mgpath');
const root = path.resolve(at === -1 ? '.' : words[at + 1]);
const config = require(path.join(root, 'MigratorConfig.js'));

try {
    const done = migrate(config, {init: words.includes('--init'), log: line => console.log(line)});
    console.log(`Finished database migration: ${done} applied`);
} catch (error) {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
}
