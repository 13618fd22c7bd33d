'use strict';

// Formats the progress of an export or import for the line that the user sees while waiting.

const { sizeWords } = require('./wording.js');

/**
 * @param {{rescueProgress: () => import('../../src/ffi/types.js').RescueProgress}} addon
 * @returns {() => string}
 */
function progressOf(addon) {
  return () => {
    const { done, total } = addon.rescueProgress();
    return total === 0 ? '' : `${sizeWords(Math.min(done, total))} of ${sizeWords(total)}`;
  };
}

module.exports = { progressOf };
