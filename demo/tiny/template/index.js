require('./core/boot.js');
