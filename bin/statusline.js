// Written by `cc-session-recover init --statusline` from its package: the program that the status line of Claude Code runs. It shows the
// previous status line and a line with the remaining quota. If cc-session-recover is not installed, it shows only the previous one.
// `cc-session-recover uninstall` removes it.
'use strict';

// Values at the time this file was written: a project's settings can set variables for every status line. The variables themselves stay as
// they are, because the wrapped status line's command may need them.
var runtime = '__RUNTIME__';
var pinned = '__PINNED__';

var env = process.env;

// Restores a variable for the wrapped command: `run.sh` removes it only from this process.
function give(name) {
  if (env['CC_RECOVER_' + name]) env[name] = env['CC_RECOVER_' + name];
  delete env['CC_RECOVER_' + name];
}
give('NODE_OPTIONS');
give('OPENSSL_CONF');
delete env.CC_RECOVER_PATH;

// Returns the status line that Claude Code would show without ours. Used only if the addon is missing; otherwise the addon reads it. If that
// status line is also one of ours, returns the command that it wraps.
function beneath() {
  // This file is <project>/.claude/cc-session-recover/statusline.js, or is in the same place under the user's Claude Code directory.
  var settings = __dirname.slice(0, -'/cc-session-recover'.length);
  var user = env.CLAUDE_CONFIG_DIR || (env.HOME || env.USERPROFILE) + '/.claude';
  var files = '__SCOPE__' === 'user' ? [] : [settings + '/settings.json', user + '/settings.json'];
  for (var index = 0; index < files.length; index += 1) {
    try {
      var text = require('fs').readFileSync(files[index], 'utf8');
      var command = JSON.parse(text.replace(/^\uFEFF/, '')).statusLine.command;
      var ours = /^ccsr_line='((?:[^']|'\\'')*)'; /.exec(command);
      var found = ours === null ? command : ours[1].replace(/'\\''/g, "'");
      if (typeof found === 'string' && found !== '') return found;
    } catch (none) {
      // The file is missing, cannot be parsed, or has no status line.
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
      // If the pipe is full, a stream waits for it; after any other error there is no reader.
      if (error.code === 'EAGAIN') process.stdout.write(bytes.subarray(at));
      return;
    }
  }
}

// The command that ours replaced. Without one the addon reads which status line Claude Code would show without ours.
var wrapped = process.argv[2] || null;
try {
  // `process.dlopen` opens the addon by its path: `require` would first check every parent directory.
  var opened = { exports: {} };
  process.dlopen(opened, runtime);
  var outcome = opened.exports.drawStatusLine(__filename, '__SCOPE__', wrapped, pinned);
  write(outcome.stdout);
  process.exitCode = outcome.exitCode;
} catch (missing) {
  // cc-session-recover is not installed here: run only the wrapped status line.
  wrapped = wrapped || beneath();
  if (wrapped) process.exitCode = require('child_process').spawnSync(wrapped, { shell: true, stdio: 'inherit' }).status || 0;
}
