// Loaded before an app in a container of the sandbox. "80:23456" in SANDBOX_PUBLISHED_PORT: who listens on 80 in
// there is reached on 23456 outside; who listens on another port is not reached, as in a container.
'use strict';

const net = require('node:net');

const [inside, outside] = (process.env.SANDBOX_PUBLISHED_PORT || '').split(':').map(Number);
const listen = net.Server.prototype.listen;

const published = port => (Number(port) === inside ? outside : 0);

if (inside) {
    net.Server.prototype.listen = function inContainer(first, ...rest) {
        if (first !== null && typeof first === 'object' && 'port' in first) {
            return listen.call(this, {...first, port: published(first.port)}, ...rest);
        }
        const isPort = typeof first === 'number' || /^\d+$/.test(String(first));
        return listen.call(this, isPort ? published(first) : first, ...rest);
    };
}
