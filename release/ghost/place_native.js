// Written by ghostbot, and loaded before Ghost. The server installed node_modules without running anybody's scripts;
// what is native was built and tried elsewhere, lies below native/, and is put where it belongs at the first start.
'use strict';

const fs = require('fs');
const path = require('path');

function place(source, target) {
    for (const entry of fs.readdirSync(source, {withFileTypes: true})) {
        const from = path.join(source, entry.name);
        const to = path.join(target, entry.name);
        if (entry.isDirectory()) {
            place(from, to);
        } else if (!fs.existsSync(to)) {
            fs.mkdirSync(target, {recursive: true});
            fs.copyFileSync(from, `${to}.part`);
            fs.renameSync(`${to}.part`, to);
        }
    }
}

place(path.join(__dirname, 'native'), path.join(__dirname, 'node_modules'));
