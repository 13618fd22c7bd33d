// Written by `cc-session-recover init` or `plugin` from its package: what the hooks of Claude Code run. One call of the native part,
// nothing else is loaded. It never fails and prints nothing unless the native part says so, and where cc-session-recover is not
// installed it does nothing. Taken out again by `cc-session-recover uninstall`, or `plugin --remove`.
'use strict';

var env = process.env;
var own = '/cc-session-recover';
var state =
  env.CC_RECOVER_STATE_DIR ||
  (process.platform === 'win32'
    ? env.LOCALAPPDATA && env.LOCALAPPDATA + own
    : process.platform === 'darwin'
      ? env.HOME && env.HOME + '/Library/Application Support' + own
      : env.XDG_STATE_HOME
        ? env.XDG_STATE_HOME + own
        : env.HOME && env.HOME + '/.local/state' + own);
// This file is <project>/.claude/cc-session-recover/hook.js, or the same in the user's own directory of Claude Code or in the plugin.
var settings = __dirname.slice(0, -own.length);
var project = '__SCOPE__' === 'project' ? settings.slice(0, -'/.claude'.length) : null;

var runtime = state + '/runtime/__RUNTIME__/addon.node';

function native() {
  try {
    // Opened by its path: `require` would look at every directory above it first.
    var opened = { exports: {} };
    process.dlopen(opened, runtime);
    return opened.exports;
  } catch (missing) {
    return project === null ? null : require(project + '/node_modules/cc-session-recover');
  }
}

function write(fd, text) {
  try {
    if (text) require('fs').writeSync(fd, text);
  } catch (closed) {
    // Nobody is there to read it.
  }
}

function work(addon) {
  var outcome = addon.hook(project, '__SCOPE__' === 'plugin');
  if (outcome.supervise) {
    // A process of its own, which leaves when nothing is owed to any session. Nothing of the project is part of it.
    var options = { cwd: '/', detached: true, stdio: 'ignore', windowsHide: true };
    var code = 'var m = { exports: {} }; process.dlopen(m, process.argv[1]); m.exports.supervise();';
    require('child_process').spawn(process.execPath, ['-e', code, runtime], options).unref();
  }
  write(1, outcome.stdout);
  write(2, outcome.stderr);
  // At once: everything is written, and node's own clearing up takes longer than the work did.
  process.exit(outcome.exitCode);
}

try {
  work(native());
} catch (missing) {
  // Not installed here.
}
