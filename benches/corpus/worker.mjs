// A worker that writes its share of the sessions and sends their rows of truth back.

import { parentPort, workerData } from 'node:worker_threads';
import { Filler } from './filler.mjs';
import { writeSession } from './session.mjs';

const { options, sessions } = workerData;
const filler = new Filler(options.seed);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
parentPort?.postMessage(sessions.map((session) => writeSession(options, filler, session)));
