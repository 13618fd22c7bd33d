'use strict';

// Loads the native addon when a verb first needs it, and explains what to do if it is missing.

const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { RecoverError } = require('./errors.js');

const PACKAGE_ROOT = join(__dirname, '..', '..');

/** @type {{file: string, exports: typeof import('../../index.js')} | undefined} */
let opened;

/**
 * @returns {typeof import('../../index.js')}
 * @throws {RecoverError} `BINDING_MISSING`: no native file for this platform can be loaded.
 */
function loadAddon() {
  opened ??= openAddon();
  if (opened !== undefined) return opened.exports;
  try {
    return require('../../index.js');
  } catch (cause) {
    throw missingBinding(cause, PACKAGE_ROOT, platformName());
  }
}

/**
 * Opens the addon from its usual location: next to `index.js`, or in the package of this platform. Compiling and running the generated
 * `index.js`, which tries all platforms and WebAssembly, takes a tenth of a short command. It is used in every other case, such as musl,
 * and for its error messages.
 */
function openAddon() {
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) return undefined;
  const system = { darwin: '', linux: '-gnu', win32: '-msvc' }[String(process.platform)];
  if (system === undefined) return undefined;
  const platform = `${process.platform}-${process.arch}${system}`;
  const name = `cc-session-recover.${platform}.node`;
  for (const file of [join(PACKAGE_ROOT, name), join(PACKAGE_ROOT, '..', `cc-session-recover-${platform}`, name)]) {
    /** @type {{exports: any}} */
    const module = { exports: {} };
    try {
      process.dlopen(module, file);
      return { file, exports: module.exports };
    } catch {
      // The file does not exist, or is for another C library.
    }
  }
  return undefined;
}

/** Returns the path of the loaded addon, which `init` copies: in this package, or in the package of this platform. */
function addonFile() {
  return opened?.file ?? Object.keys(require.cache).find((file) => file.endsWith('.node'));
}

/**
 * @param {unknown} cause
 * @param {string} root Directory of the package.
 * @param {string} platform Platform as in the names of the platform packages.
 */
function missingBinding(cause, root, platform) {
  const { name, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const supported = napi.targets.map(platformOf);
  const build = `build it with \`npm run build\` in ${root} (needs Rust, see rust-version in Cargo.toml)`;
  let hint;
  if (existsSync(join(root, 'Cargo.toml'))) hint = build;
  else if (supported.includes(platform)) hint = `install it with \`npm install ${name}-${platform}\`, or install ${name} again without --omit=optional`;
  else hint = `there are builds for ${supported.join(', ')}; elsewhere build it from a clone of the source with \`npm install\` (needs Rust)`;
  return new RecoverError('BINDING_MISSING', `the addon for ${platform} cannot be loaded (package ${name}-${platform})`, { hint, cause });
}

/** Returns this platform as the names of the platform packages spell it, such as `linux-x64-gnu`. */
function platformName() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  if (process.platform !== 'linux') return base;
  // A report also lists sockets, which can take seconds if name resolution is slow.
  const report = /** @type {any} */ (process.report);
  report.excludeNetwork = true;
  return `${base}-${report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}

/** Converts `aarch64-unknown-linux-musl` to `linux-arm64-musl`. @param {string} triple */
function platformOf(triple) {
  const arch = triple.startsWith('aarch64') ? 'arm64' : 'x64';
  if (triple.includes('apple')) return `darwin-${arch}`;
  if (triple.includes('windows')) return `win32-${arch}-msvc`;
  return `linux-${arch}-${triple.endsWith('musl') ? 'musl' : 'gnu'}`;
}

module.exports = { PACKAGE_ROOT, addonFile, loadAddon, missingBinding, platformOf };
