// Written by `cc-session-recover init` or `plugin` from its package: the program that the hooks of Claude Code run. It makes one call to
// the native addon and loads nothing else. It never fails and prints nothing itself. If cc-session-recover is not installed, it does
// nothing. `cc-session-recover uninstall`, or `plugin --remove`, removes it.
'use strict';

// Values at the time this file was written. A project's settings can set variables for the hooks of every session in it, including the
// hooks in the user's own settings, so the variables that `pin` deletes have no effect here.
var runtime = '__RUNTIME__';
var program = '__PROGRAM__';
var pinned = '__PINNED__';

function pin(env) {
  // `run.sh` passes the PATH that was recorded when the hooks were installed.
  var path = env.CC_RECOVER_PATH || env.PATH;
  var bus = process.platform === 'linux' ? '/run/user/' + process.getuid() : null;
  if (env.XDG_RUNTIME_DIR !== bus) bus = null;
  var name;
  for (name in env) {
    // `CC_RECOVER_ATTEMPT` stays: it marks an attempt to resume, whose hooks do less.
    if (/^(?:CC_RECOVER_|NODE_|XDG_)/i.test(name) && name !== 'CC_RECOVER_ATTEMPT') delete env[name];
  }
  for (name in pinned) env[name] = pinned[name];
  if (path) env.PATH = path;
  if (bus) env.XDG_RUNTIME_DIR = bus;
}

function write(fd, text) {
  try {
    if (text) require('fs').writeSync(fd, text);
  } catch (closed) {
    // A failed write is ignored, because the reader is gone.
  }
}

function work(addon) {
  var line = process.argv[2] || '';
  if (line.slice(0, 6) === 'module') {
    write(1, addon.answerPluginModule(line));
    process.exit(0);
  }
  // If the session waits, the native program replaces this process, and the call does not return.
  var outcome = addon.hook(typeof __filename === 'string' ? __filename : process.argv[1], '__SCOPE__', line === 'wait', program);
  if (outcome.supervise) {
    // The supervisor is a separate process and exits when no session has unfinished work. It inherits nothing from the project.
    var options = { cwd: '/', detached: true, stdio: 'ignore', windowsHide: true };
    var code = 'var m = { exports: {} }; process.dlopen(m, process.argv[1]); m.exports.supervise();';
    var native = outcome.supervisor;
    require('child_process').spawn(native || process.execPath, native ? ['supervise'] : ['-e', code, runtime], options).unref();
  }
  write(1, outcome.stdout);
  write(2, outcome.stderr);
  // Exits at once: everything is written, and the cleanup of Node.js takes longer than the hook itself.
  process.exit(outcome.exitCode);
}

try {
  pin(process.env);
  // `process.dlopen` opens the addon by its path: `require` would first check every parent directory.
  var opened = { exports: {} };
  process.dlopen(opened, runtime);
  work(opened.exports);
} catch (missing) {
  // cc-session-recover is not installed here.
}
