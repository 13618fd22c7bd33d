'use strict';

// How far an export or import is, for the line that a person waits at.

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
