// Writes the modules of each everyday verb into one file, `bin/bundled/<verb>.js`, for the package: `node tools/bundle.mjs [directory]`.
// Node.js needs more time to find, read and compile fifteen small files than the verb itself needs. A clone runs the sources, so a change
// needs no build; `bin/cc-session-recover.js` uses the bundles only in an installed package.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = join(ROOT, 'bin', 'bundled');
const PROGRAM = join(ROOT, 'bin', 'lib', 'program.js');
const VERBS = ['status', 'list', 'show'];

/** Modules that stay separate files: each is needed only by an option, a terminal or an error. */
const FILES = new Set(['bin/lib/completion.js', 'bin/lib/dashboard.js', 'bin/lib/pager.js', 'bin/lib/watch.js', 'index.js', 'package.json']);

/** How `program.js` loads the module of a verb. */
const VERB_REQUIRED = 'require(`../commands/${name}.js`)';

/** Includes the module of one verb in its bundle. The modules of all other verbs remain files. @param {string} verb @returns {import('esbuild').Plugin} */
const withVerb = (verb) => ({
  name: 'verb',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /[\\/]lib[\\/]program\.js$/ }, () => {
      const text = readFileSync(PROGRAM, 'utf8');
      if (!text.includes(VERB_REQUIRED)) throw new Error(`program.js no longer loads a verb by ${VERB_REQUIRED}`);
      // A require under another name is left for Node.js.
      const other = VERB_REQUIRED.replace('require', 'requireFile');
      return { contents: `const requireFile = require;\n${text.replace(VERB_REQUIRED, `(name === '${verb}' ? require('../commands/${verb}.js') : ${other})`)}` };
    });
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = createRequire(join(resolveDir, 'x.js')).resolve(path);
      if (!FILES.has(relative(ROOT, file).split(sep).join('/'))) return undefined;
      return { path: relative(OUTPUT, file).split(sep).join('/'), external: true };
    });
  },
});

const directory = process.argv[2] ?? OUTPUT;
rmSync(directory, { recursive: true, force: true });
for (const verb of VERBS) {
  const outfile = join(directory, `${verb}.js`);
  await build({ entryPoints: [PROGRAM], bundle: true, platform: 'node', target: 'node20', packages: 'external', outfile, plugins: [withVerb(verb)], logLevel: 'error' });
  const { alias } = createRequire(import.meta.url)(join(ROOT, 'bin', 'commands', `${verb}.js`));
  if (alias !== undefined) writeFileSync(join(directory, `${alias}.js`), `'use strict';\n\nmodule.exports = require('./${verb}.js');\n`);
}
