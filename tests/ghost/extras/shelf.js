// A storage adapter as people write them: images come from a shelf of its own, and say so.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const Base = require('ghost-storage-base');

const IMAGES = path.resolve(__dirname, '..', '..', '..', 'images');

module.exports = class Shelf extends (Base.StorageBase || Base) {
    constructor({label}) {
        super();
        this.label = label;
    }

    async save(image, folder = this.getTargetDir(IMAGES)) {
        const file = await this.getUniqueFileName(image, folder);
        fs.mkdirSync(folder, {recursive: true});
        fs.copyFileSync(image.path, file);
        return `${new URL(process.env.url).pathname}/content/images/${path.relative(IMAGES, file)}`;
    }

    async exists(name, folder) {
        return fs.existsSync(path.join(folder || IMAGES, name));
    }

    serve() {
        return (request, response, next) => {
            const file = path.join(IMAGES, decodeURIComponent(request.path));
            if (!file.startsWith(IMAGES) || !fs.existsSync(file)) {
                return next();
            }
            response.setHeader('X-Shelf', this.label);
            return response.sendFile(file);
        };
    }

    async delete() {
        return false;
    }

    async read({path: name}) {
        return fs.readFileSync(path.join(IMAGES, name));
    }
};
