'use strict';

// Loads the native addon when a verb first needs it, and explains what to do if it is missing.

const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { RecoverError } = require('./errors.js');

const PACKAGE_ROOT = join(__dirname, '..', '..');

/**
 * @returns {typeof import('../../index.js')}
 * @throws {RecoverError} `BINDING_MISSING`: no native file for this platform can be loaded.
 */
function loadAddon() {
  try {
    return require('../../index.js');
  } catch (cause) {
    throw missingBinding(cause, PACKAGE_ROOT, platformName());
  }
}

/** Returns the path of the loaded addon, which `init` copies: in this package, or in the package of this platform. */
function addonFile() {
  return Object.keys(require.cache).find((file) => file.endsWith('.node'));
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
