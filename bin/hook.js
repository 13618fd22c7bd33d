'use strict';

// What Claude Code's hooks run, through a launcher: one call of the addon. It loads nothing else, prints nothing unless the
// addon says so, and never fails, whatever happens: a hook must not disturb a turn.

/** @param {string | null} project Directory whose launcher was started; `null` for the user's own hooks. */
exports.run = function run(project) {
  let outcome;
  try {
    outcome = addon().hook(project);
  } catch {
    return;
  }
  if (outcome.stdout) write(1, outcome.stdout);
  if (outcome.stderr) write(2, outcome.stderr);
  process.exitCode = outcome.exitCode;
};

// In a runtime the addon lies beside this directory; in the package itself its loader finds it.
function addon() {
  try {
    return require('../addon.node');
  } catch {
    return require('../index.js');
  }
}

/** @param {number} fd @param {string} text */
function write(fd, text) {
  try {
    require('node:fs').writeSync(fd, text);
  } catch {
    // Nobody is there to read it.
  }
}
