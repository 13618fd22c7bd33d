// Written by `cc-session-recover init`. Starts the recovery hooks of this project, or does nothing where cc-session-recover
// is not installed. Taken out again by `cc-session-recover uninstall`.
'use strict';

var env = process.env;
var own = '/cc-session-recover';
var windows = process.platform === 'win32';
var state =
  env.CC_RECOVER_STATE_DIR ||
  (windows
    ? env.LOCALAPPDATA && env.LOCALAPPDATA + own
    : process.platform === 'darwin'
      ? env.HOME && env.HOME + '/Library/Application Support' + own
      : env.XDG_STATE_HOME
        ? env.XDG_STATE_HOME + own
        : env.HOME && env.HOME + '/.local/state' + own);
// This file is <project>/.claude/cc-session-recover/hook.js, or the same in the user's own directory of Claude Code.
var settings = __dirname.slice(0, -own.length);
var project = settings.slice(0, -'/.claude'.length);
var user = '__SCOPE__' === 'user';

function start(file) {
  try {
    require(file).run(user ? null : project);
    return true;
  } catch (missing) {
    return false;
  }
}

if (!(state && start(state + '/runtime/__RUNTIME__/bin/hook.js')) && !user) {
  start(project + '/node_modules/cc-session-recover/bin/hook.js');
}
