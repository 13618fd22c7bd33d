// Written by `cc-session-recover init --statusline` from its package: what the status line of Claude Code runs. It shows what the
// status line that was there before shows, and a line with the remaining quota. Where cc-session-recover is not installed it
// shows the other one alone. `cc-session-recover uninstall` removes it.
'use strict';

// What was in force when it was written: a project's settings can set variables for every status line. The variables themselves stay
// as they are, for the command of the status line beneath.
var runtime = '__RUNTIME__';
var pinned = '__PINNED__';

var env = process.env;
var own = '/cc-session-recover';
// This file is <project>/.claude/cc-session-recover/statusline.js, or the same in the user's own directory of Claude Code.
var settings = __dirname.slice(0, -own.length);
var project = '__SCOPE__' === 'user' ? null : settings.slice(0, -'/.claude'.length);

// `run.sh` takes these away from this process, not from the command beneath.
function give(name) {
  if (env['CC_RECOVER_' + name]) env[name] = env['CC_RECOVER_' + name];
  delete env['CC_RECOVER_' + name];
}
give('NODE_OPTIONS');
give('OPENSSL_CONF');
delete env.CC_RECOVER_PATH;

// The status line that Claude Code would draw if ours were not there: of the project's settings, else of the user's. It is
// looked for each time, because it may have changed since ours was put in. Of another one of ours, the one that it wraps.
function beneath() {
  if (project === null) return '';
  var user = env.CLAUDE_CONFIG_DIR || (pinned.HOME || env.USERPROFILE) + '/.claude';
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
  // Opened by its path: `require` would look at every directory above it first.
  var opened = { exports: {} };
  process.dlopen(opened, runtime);
  var outcome = opened.exports.drawStatusLine(project, wrapped || null, pinned);
  write(outcome.stdout);
  process.exitCode = outcome.exitCode;
} catch (missing) {
  // Not installed here.
  if (wrapped) process.exitCode = require('child_process').spawnSync(wrapped, { shell: true, stdio: 'inherit' }).status || 0;
}
