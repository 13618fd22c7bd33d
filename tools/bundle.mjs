// Writes the modules of each everyday verb into one file, `bin/bundled/<verb>.js`, for the package: `node tools/bundle.mjs [directory]`.
// Node.js takes longer to find, read and compile fifteen small files than such a verb runs. The sources stay what a clone runs, so that a
// change needs no build; `bin/cc-session-recover.js` uses these files only where there is no clone.
//
// A module becomes a function that runs when it is first required, as before. Modules that most runs of the verb do not need stay files.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VERBS = ['status', 'list', 'show'];

/** Modules that stay files: each is needed only by an option, a terminal or an error. */
const FILES = new Set(['bin/lib/completion.js', 'bin/lib/dashboard.js', 'bin/lib/pager.js', 'bin/lib/watch.js', 'index.js', 'package.json']);

const REQUIRED = /\brequire\('(\.[^']+)'\)/g;
/** How `program.js` loads the module of a verb. */
const VERB_REQUIRED = 'require(`../commands/${name}.js`)';

/** @param {string} path */
const named = (path) => relative(ROOT, path).split(sep).join('/');

/**
 * Returns the text of one bundle.
 *
 * @param {string} verb
 */
function bundled(verb) {
  /** @type {Map<string, string>} */
  const modules = new Map();
  const command = `bin/commands/${verb}.js`;
  /** @param {string} name Path in the package, with slashes. */
  const add = (name) => {
    if (modules.has(name)) return;
    modules.set(name, '');
    const text = readFileSync(join(ROOT, name), 'utf8');
    if (name.endsWith('.json')) return modules.set(name, `module.exports = ${JSON.stringify(JSON.parse(text))};`);
    const at = createRequire(join(ROOT, name));
    const linked = text.replace(REQUIRED, (_, path) => {
      const target = named(at.resolve(path));
      if (FILES.has(target)) return `require('${relative('bin/bundled', target).split(sep).join('/')}')`;
      add(target);
      return `load('${target}')`;
    });
    modules.set(name, linked.replace(VERB_REQUIRED, `(name === '${verb}' ? load('${command}') : ${VERB_REQUIRED})`));
  };
  add('bin/lib/program.js');
  add(command);
  const whole = [...modules].map(([name, text]) => `'${name}'(module) {\n${text.replace(/^'use strict';\n/, '').trim()}\n},`);
  return `'use strict';
// Written by tools/bundle.mjs from the modules named below.
const loaded = new Map();
function load(name) {
  let module = loaded.get(name);
  if (module === undefined) {
    loaded.set(name, (module = { exports: {} }));
    modules[name](module);
  }
  return module.exports;
}
const modules = {
${whole.join('\n')}
};
module.exports = load('bin/lib/program.js');
`;
}

const directory = process.argv[2] ?? join(ROOT, 'bin', 'bundled');
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
for (const verb of VERBS) {
  writeFileSync(join(directory, `${verb}.js`), bundled(verb));
  const { alias } = createRequire(import.meta.url)(join(ROOT, 'bin', 'commands', `${verb}.js`));
  if (alias !== undefined) writeFileSync(join(directory, `${alias}.js`), `'use strict';\n\nmodule.exports = require('./${verb}.js');\n`);
}
