'use strict';

// Lists recent work: `list --prompts`, and `recall`, its earlier name.

const { resolve } = require('node:path');

/**
 * @param {{recent?: number, project?: string, since?: string, json?: boolean}} args
 * @param {import('./output.js').Output} io
 */
async function recall({ recent, project, since, json }, io) {
  const { loadAddon } = require('./addon.js');
  const { printRecall } = require('./screens/recall.js');
  const options = {
    ...(recent === undefined ? {} : { recent }),
    ...(project === undefined ? {} : { project: resolve(project) }),
    ...(since === undefined ? {} : { since }),
  };
  const report = await io.during('reading sessions', loadAddon().recall(options));
  if (json) io.json(report);
  else await printRecall(report, io);
}

module.exports = { recall };
