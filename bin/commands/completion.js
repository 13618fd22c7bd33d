'use strict';

// `completion`: prints the script with which a shell completes this command.

const { SHELLS, scriptOf } = require('../lib/completion.js');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'completion',
  summary: 'print the completion script of a shell',
  description:
    'Completes verbs, options, sessions with their names, kinds of stops and states.\n\nbash: add `source <(cc-session-recover completion bash)` to ~/.bashrc.\n\nzsh: add `source <(cc-session-recover completion zsh)` to ~/.zshrc, after compinit.\n\nfish: run `cc-session-recover completion fish > ~/.config/fish/completions/cc-session-recover.fish`.',
  arguments: [{ flags: '<shell>', description: SHELLS.join(', '), choices: SHELLS }],
  examples: [
    { command: 'source <(cc-session-recover completion bash)', does: 'enable completion in this bash' },
    { command: 'cc-session-recover completion fish | source', does: 'enable completion in this fish' },
  ],

  run(args, io) {
    io.write(scriptOf(args.shell));
  },
};
