'use strict';

// A menu of printed lines, for screen readers and terminals without cursor control.

/** @typedef {import('./output.js').Output} Output */
/** @typedef {{value: string, label: string, hint?: string, key?: string}} Choice */
/**
 * @typedef {object} Menu
 * @property {(question: string, choices: Choice[]) => Promise<string | null>} choose Returns the chosen value; `null` on Ctrl-C, Esc or the
 *   end of input.
 */

/**
 * @param {Output} io
 * @returns {Menu}
 */
function flatMenu(io) {
  return {
    async choose(question, choices) {
      const named = choices.map((choice, index) => ({ ...choice, word: choice.key ?? String(index + 1) }));
      for (;;) {
        const words = named.filter(({ key }) => key !== undefined).map(({ word, label }) => `${word} for ${label}`);
        const numbers = choices.length - words.length;
        const answer = await io.ask(`${question} ${[...(numbers > 0 ? [`1 to ${numbers}`] : []), ...words].join(', ')}: `);
        if (answer === null) return null;
        const found = named.find(({ word }) => word === answer.toLowerCase());
        if (found !== undefined) return found.value;
        io.line('That is not one of the choices.');
      }
    },
  };
}

module.exports = { flatMenu };
