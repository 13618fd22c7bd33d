// Written by `cc-session-recover init --statusline` from its package: what the status line of Claude Code runs. It shows what the
// status line that was there before shows, and a line with the remaining quota. Where cc-session-recover is not installed it
// shows the other one alone. Taken out again by `cc-session-recover uninstall`.
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
// This file is <project>/.claude/cc-session-recover/statusline.js, or the same in the user's own directory of Claude Code.
var settings = __dirname.slice(0, -own.length);
var project = '__SCOPE__' === 'user' ? null : settings.slice(0, -'/.claude'.length);

function native() {
  try {
    // Opened by its path: `require` would look at every directory above it first.
    var opened = { exports: {} };
    process.dlopen(opened, state + '/runtime/__RUNTIME__/addon.node');
    return opened.exports;
  } catch (missing) {
    return project === null ? null : require(project + '/node_modules/cc-session-recover');
  }
}

// The status line that Claude Code would draw if ours were not there: of the project's settings, else of the user's. It is
// looked for each time, because it may have changed since ours was put in. Of another one of ours, the one that it wraps.
function beneath() {
  if (project === null) return '';
  var user = env.CLAUDE_CONFIG_DIR || (env.HOME || env.USERPROFILE) + '/.claude';
  var files = [settings + '/settings.json', user + '/settings.json'];
  for (var index = 0; index < files.length; index += 1) {
    try {
      var text = require('fs').readFileSync(files[index], 'utf8');
      var command = JSON.parse(text.replace(/^\uFEFF/, '')).statusLine.command;
      var ours = /^ccsr_line='((?:[^']|'\\'')*)'; /.exec(command);
      var found = ours === null ? command : ours[1].replace(/'\\''/g, "'");
      if (typeof found === 'string' && found !== '') return found;
    } catch (none) {
      // No such file, not one that Claude Code could read, or no status line in it.
    }
  }
  return '';
}

function write(bytes) {
  var fs = require('fs');
  for (var at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      // A full pipe is waited for by a stream; otherwise nobody is there to read it.
      if (error.code === 'EAGAIN') process.stdout.write(bytes.subarray(at));
      return;
    }
  }
}

var wrapped = process.argv[2] || beneath();
try {
  var outcome = native().drawStatusLine(project, wrapped || null);
  write(outcome.stdout);
  process.exitCode = outcome.exitCode;
} catch (missing) {
  // Not installed here.
  if (wrapped) process.exitCode = require('child_process').spawnSync(wrapped, { shell: true, stdio: 'inherit' }).status || 0;
}
