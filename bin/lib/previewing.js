'use strict';

// Previews exactly what would be started for closed sessions: `watch --preview`, and `preview`, its earlier name.

/**
 * @param {{session?: string, json?: boolean}} args
 * @param {import('./output.js').Output} io
 */
async function preview({ session, json }, io) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const { printPreview } = require('./screens/preview.js');
  const report = await io.during('reading sessions', loadAddon().preview(session === undefined ? {} : { session }));
  if (json) io.json(report);
  else printPreview(report, io);
  return exitOf.preview(report);
}

module.exports = { preview };
