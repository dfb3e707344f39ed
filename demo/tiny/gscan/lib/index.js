// Three rules of Ghost's gscan, with its interface: a template that must be there, and two helpers of earlier times.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const RULES = {
    'GS020-INDEX-REQ': {level: 'error', fatal: true, rule: 'A template file called <code>index.hbs</code> must be present.'},
    'GS110-NO-AUTHOR': {level: 'error', fatal: true, rule: 'Remove <code>{{author}}</code>, use <code>{{authors}}</code>.'},
    'GS001-DEPR-LABS': {level: 'warning', fatal: false, rule: 'The <code>{{@labs}}</code> helper should not be used.'},
};

async function check(folder) {
    const fail = {};
    const found = (code, ref) => {
        fail[code] = fail[code] || {failures: []};
        fail[code].failures.push({ref});
    };
    const files = fs.readdirSync(folder, {recursive: true}).map(String);
    if (!files.includes('index.hbs')) {
        found('GS020-INDEX-REQ', 'index.hbs');
    }
    for (const file of files.filter((name) => name.endsWith('.hbs'))) {
        const text = fs.readFileSync(path.join(folder, file), 'utf8');
        if (text.includes('{{author}}')) {
            found('GS110-NO-AUTHOR', file);
        }
        if (text.includes('@labs')) {
            found('GS001-DEPR-LABS', file);
        }
    }
    return {results: {fail}};
}

function format(theme) {
    const results = {error: [], warning: [], hasFatalErrors: false};
    for (const [code, {failures}] of Object.entries(theme.results.fail)) {
        const rule = RULES[code];
        results[rule.level].push({...rule, code, failures});
        results.hasFatalErrors = results.hasFatalErrors || rule.fatal;
    }
    return {...theme, results};
}

module.exports = {check, format};
