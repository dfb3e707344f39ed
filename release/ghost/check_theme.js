// What gscan, the one that a Ghost ships, finds in a theme: node check_theme.js GSCAN THEME VERSION ANSWER.
'use strict';

const fs = require('fs');

const [checker, theme, checkVersion, answer] = process.argv.slice(2);
const gscan = require(checker);

const told = (rules) => (rules || []).map(({code, rule, fatal, failures}) => ({
    code: String(code),
    rule: String(rule || '').replace(/<[^>]*>/g, ''),
    fatal: Boolean(fatal),
    files: [...new Set((failures || []).map(({ref}) => String(ref)))],
}));

gscan
    .check(theme, {checkVersion})
    .then((checked) => {
        // As Ghost does before it takes a theme: errors that are fatal make it refuse.
        const {results} = gscan.format(checked, {onlyFatalErrors: false, checkVersion});
        fs.writeFileSync(answer, JSON.stringify({errors: told(results.error), warnings: told(results.warning)}));
    })
    .catch((error) => {
        console.error(error);
        process.exitCode = 1;
    });
