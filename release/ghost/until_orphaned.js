// Required before Ghost starts: ends it when whoever started it is gone, even by kill -9.
// The system then closes the pipe that is our standard input, and nobody else would stop this process.
'use strict';

if (require('worker_threads').isMainThread) {
    process.stdin.on('end', () => process.exit(1)).resume();
}
