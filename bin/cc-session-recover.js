#!/usr/bin/env node
'use strict';

// Entry point of the command. It checks that this Node.js is new enough, answers `--version` itself because that needs nothing else, and
// hands over to the program. The file uses only old syntax, so that an outdated Node.js prints the message below instead of a syntax
// error.

var existsSync = require('fs').existsSync;
var join = require('path').join;
var manifest = require('../package.json');
var wanted = manifest.engines.node.replace('>=', '');
var words = process.argv.slice(2);

/** @param {string} found @param {string} least */
function isOlder(found, least) {
  var have = found.split('.').map(Number);
  var need = least.split('.').map(Number);
  for (var i = 0; i < need.length; i += 1) {
    if (have[i] !== need[i]) return have[i] < need[i];
  }
  return false;
}

/** The package has all modules of an everyday verb in one file (`tools/bundle.mjs`); a clone runs its sources. @param {string} verb */
function programFor(verb) {
  var bundle = join(__dirname, 'bundled', verb + '.js');
  var isBundled = /^[a-z]+$/.test(verb) && existsSync(bundle) && !existsSync(join(__dirname, '..', 'Cargo.toml'));
  return require(isBundled ? bundle : './lib/program.js');
}

if (isOlder(process.versions.node, wanted)) {
  process.stderr.write(
    'cc-session-recover needs Node.js ' + wanted + ' or newer; this is ' + process.versions.node + '.\n' +
      '  next: install a newer Node.js from https://nodejs.org and run it again\n'
  );
  process.exitCode = require('./lib/exit-codes.json').exits.failed;
} else if (words.length === 1 && (words[0] === '--version' || words[0] === '-v' || words[0] === '-V')) {
  process.stdout.on('error', function (error) {
    if (error.code !== 'EPIPE') throw error;
  });
  process.stdout.write(manifest.version + '\n');
} else {
  programFor(words[0] || '').main(words, process);
}
