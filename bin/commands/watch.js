'use strict';

// `watch`: the supervisor of closed sessions, and the service that starts it at every login.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'watch',
  summary: 'have closed sessions continued from every login on',
  description: 'The service is yours alone and needs no rights of an administrator. PATH and the places of node and of this package\nare written into it: install it again after one of them has moved.',
  options: [
    { flags: '--install', description: 'start the supervisor now and at every login', conflicts: ['uninstall', 'status'] },
    { flags: '--uninstall', description: 'end it, and start it no more', conflicts: ['install', 'status'] },
    { flags: '--status', description: 'show whether it is installed, switched on and running', conflicts: ['dryRun'] },
    { flags: '--dry-run', description: 'print what would be written or removed, and do nothing' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover watch --install', does: 'from now on, and after every login' },
    { command: 'cc-session-recover watch --install --dry-run', does: 'print the unit, agent or task' },
    { command: 'cc-session-recover watch --status', does: 'is it there, switched on, running?' },
  ],

  async run(args, io) {
    const { UsageError } = require('../lib/errors.js');
    const service = require('../lib/service.js');
    if (args.install) return service.install(args, io);
    if (args.uninstall) return service.uninstall(args, io);
    if (args.status) return service.status(args, io);
    throw new UsageError('it is not said what to do', 'add --install, --uninstall or --status');
  },
};
