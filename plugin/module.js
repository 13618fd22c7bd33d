// The plugin's module. It runs inside Claude Code, waits until a stopped session can continue, shows the plan, and submits the prompt that
// continues the session. The native addon decides what to do: the module asks it through the launcher of the hooks, and
// `src/hook/module.rs` answers. Claude Code reads the names of events and calls from this source, so they must be literals.

// Time between two checks of the clock. A check costs nothing; a question to the addon starts a process.
const TICK = 1000;
// If a tick is later than this number of milliseconds, it shows that the machine or the process was suspended.
const GAP = 10_000;
// The stop hook runs in parallel with the module and may be slower. Until it has recorded the stop, the module asks again after this time,
// which doubles with every question up to READING_STEP_LIMIT, and gives up after READING_LIMIT.
const READING_STEP = 700;
const READING_STEP_LIMIT = 30_000;
const READING_LIMIT = 600_000;
// A record of a stop that is this much older than the end of the turn belongs to an earlier turn.
const RECORD_AGE = 30_000;
// The client opens its limit menu by itself within this time after the stop; a later menu was opened by the user.
const MENU_AFTER_STOP = 3000;
const MENU_STEP = 100;
// Maximum time that the menu waits for the plan. The client allows a hook 10 s of its own time, which includes sleep but not the time of a
// question.
const MENU_SLEEP = 9000;
const MENU_PATIENCE = 30_000;
const ASK_TIMEOUT = 20_000;
// Maximum time that the first prompt of a session waits for the first answer.
const START_PATIENCE = 3000;
// Time until the next question or claim after one that was not answered.
const UNANSWERED_STEP = 30_000;
// Time between two readings of the other sessions, each of which starts a process.
const OTHERS_STEP = 300_000;

// The stop of the open session: its id, when the module was notified of it, the newest answer, and what is in progress.
let stop = null;
// The session of the newest main turn, the start of that turn, and whether it is still running.
let current = null;
let turnBeganAt = 0;
let isTurnRunning = false;
// Whether the native addon has answered. Until then the hooks wait for the reset: a module that cannot ask, for example on a system without
// /bin/sh, must not prevent them from handling a stop.
let isReachable = false;
// The stop that the module has continued. The client's own continuation of this stop is dropped.
let continued = null;
// The number of claims so far.
let claims = 0;
// Granted prompts that were not submitted, until the addon has acknowledged the report.
let unsubmitted = [];
// The number of the newest timer, and when it last ran.
let ticker = 0;
let lastTick = 0;
// The sessions of the pane, and the one whose details it shows.
let panel = null;
let chosen = null;
// When the other sessions of the machine were last read.
let othersReadAt = 0;

const shell = '[ -f "$2" ] || exit 0; ccsr_js=$1 ccsr_line=$3; . "$2"';

// Asks the native addon. `line` selects the launcher's task, `question` is its standard input.
async function ask($, line, question) {
  const hooks = `${$.plugin.root}/hooks/cc-session-recover`;
  let env;
  try {
    env = await $.process.hookEnv();
  } catch {
    // Clients before 2.1.326 do not have this call; the native addon finds the client in the registry.
  }
  try {
    const ran = await $.process.run(['/bin/sh', '-c', shell, 'sh', `${hooks}/hook.js`, `${hooks}/run.sh`, line], {
      ...(env ? { env } : {}),
      stdin: question ? JSON.stringify(question) : '',
      timeoutMs: ASK_TIMEOUT,
    });
    return ran.stdout ? JSON.parse(ran.stdout) : null;
  } catch {
    return null;
  }
}

async function mark($) {
  const session = await $.session.id();
  current = session;
  // If the variable names the client's own session, its stop hook leaves the waiting to the module.
  if (isReachable) await $.env.set('CC_SESSION_RECOVER_MODULE', session);
  return session;
}

// `heardAt` is 0 if the module was loaded after the stop: then any record belongs to it.
function stopOf(session, heardAt) {
  const began = Math.max(turnBeganAt, heardAt - RECORD_AGE);
  const readUntil = Date.now() + READING_LIMIT;
  return { session, heardAt, turnBeganAt: began, answer: null, menu: false, asking: false, claimAgainAt: 0, readAgainAt: 0, readUntil, step: READING_STEP };
}

function show($) {
  $.ui.invalidate('ui.render');
}

function clear($) {
  stop = null;
  show($);
}

async function planOf($, more) {
  const asked = stop;
  if (!asked) return null;
  const answer = await ask($, 'module', { ask: 'plan', session: asked.session, menu: asked.menu, ...more });
  if (!answer || answer.next === undefined) return null;
  isReachable = true;
  return stop === asked ? take($, answer) : null;
}

function take($, answer) {
  if (!isAbout(stop, answer)) return null;
  stop.answer = answer;
  // While the plugin is off, the stop is kept, because the user may enable the plugin again without reloading it.
  if (answer.next === 'nobody' && !answer.reading && !answer.off) clear($);
  else show($);
  return answer;
}

// Returns whether the answer is about this stop. Until the hook has recorded it, the answer contains no stop or an earlier one.
function isAbout(asked, answer) {
  if (asked.heardAt === 0) return true;
  if (!answer.generation) return false;
  return answer.stoppedAt === null || answer.stoppedAt >= asked.turnBeganAt;
}

const isRead = (asked) => asked.answer !== null && !asked.answer.reading;

// Asks once while the hook has not yet recorded the stop.
async function read($, asked) {
  if (asked.asking) return;
  asked.asking = true;
  await planOf($);
  asked.asking = false;
  asked.readAgainAt = (await $.clock.now()) + asked.step;
  asked.step = Math.min(asked.step * 2, READING_STEP_LIMIT);
}

const turnRuns = () => isTurnRunning;
const isPending = (asked) => asked !== null && stop === asked;

// Reports that a granted prompt was not submitted, so that the stop is planned again.
async function giveBack($, asked, id, refused) {
  const report = { session: asked.session, claim: id, refused, sending: false, againAt: 0 };
  unsubmitted.push(report);
  await send($, report);
}

// Sends the report once. Without an acknowledgement the stop would stay granted, so `tick` repeats the report. The addon withdraws only the
// grant of this claim, so a repetition changes nothing.
async function send($, report) {
  report.sending = true;
  const { session, claim: id, refused } = report;
  const answer = await ask($, 'module', { ask: 'not-submitted', session, claim: id, refused });
  if (answer && answer.next !== undefined && !answer.off) unsubmitted = unsubmitted.filter((one) => one !== report);
  report.againAt = (await $.clock.now()) + UNANSWERED_STEP;
  report.sending = false;
}

async function claim($, how) {
  const asked = stop;
  // A new claim has to wait until the earlier grant is withdrawn.
  if (!asked || asked.claiming || unsubmitted.some((one) => one.session === asked.session)) return;
  asked.claiming = true;
  try {
    // The timer belongs to the process, not to the session, and /clear and /resume change the session.
    if ((await $.session.id()) !== asked.session) return clear($);
    claims += 1;
    const id = `${asked.heardAt}-${Date.now()}-${claims}`;
    const answer = await ask($, 'module', { ask: how, session: asked.session, menu: asked.menu, gap: asked.gap, claim: id });
    const isAnswered = answer !== null && answer.next !== undefined;
    if (isAnswered) asked.gap = false;
    if (!isAnswered) asked.claimAgainAt = (await $.clock.now()) + UNANSWERED_STEP;
    // The answer may have been lost after it was granted, or may have come too late.
    if (!isAnswered || stop !== asked) {
      if (!isAnswered || answer.prompt) await giveBack($, asked, id, false);
      return;
    }
    if (!answer.prompt) {
      take($, answer);
      return;
    }
    // Set this before the next await, because the prompt belongs to the session for which it was granted.
    continued = { session: asked.session, generation: answer.generation };
    let refused = false;
    try {
      const sent = await $.prompt.submit({ text: answer.prompt });
      refused = Boolean(sent && sent.drop);
    } catch {
      refused = true;
    }
    if (refused) {
      continued = null;
      await giveBack($, asked, id, true);
      if (stop === asked) await planOf($);
      return;
    }
    $.ui.toast(`cc-session-recover continued this session after ${words(answer.kind)}`);
    if (stop === asked) clear($);
  } finally {
    asked.claiming = false;
  }
}

async function tick($) {
  const now = await $.clock.now();
  const gap = lastTick > 0 && now - lastTick > TICK + GAP;
  lastTick = now;
  // Not awaited, because it does not concern this session's stop.
  if (!isTurnRunning) showOthers($);
  for (const report of unsubmitted) {
    if (!report.sending && now >= report.againAt) send($, report);
  }
  if (!stop || stop.asking || stop.claiming) return;
  if (gap) stop.gap = true;
  if (!isRead(stop)) {
    if (now >= stop.readAgainAt && now < stop.readUntil) await read($, stop);
    return;
  }
  const answer = stop.answer;
  const due = answer.at !== null && (answer.next === 'module' || answer.next === 'client') && now >= Math.max(answer.at, stop.claimAgainAt);
  if (due) {
    await claim($, 'claim');
  } else if (gap || now >= answer.askAgainAt) {
    const asked = stop;
    asked.asking = true;
    const waited = asked.gap;
    asked.gap = false;
    if (!(await planOf($, { gap: waited })) && asked.answer) {
      asked.gap = waited;
      asked.answer.askAgainAt = now + UNANSWERED_STEP;
    }
    asked.asking = false;
  } else if (answer.at !== null && answer.at - now < 90_000) {
    show($);
  }
}

// Starts the timer, unless it is running. A timer without a recent tick is lost, and a new one replaces it.
async function startTicking($) {
  const now = await $.clock.now();
  if (lastTick > 0 && now >= lastTick && now - lastTick < TICK + GAP) return;
  ticker += 1;
  lastTick = now;
  const own = ticker;
  $.clock.every(TICK, () => (own === ticker ? tick($) : undefined));
}

const words = (kind) => (kind ? `the ${kind.replace(/ reached$/, '')}` : 'a stop');

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const two = (number) => String(number).padStart(2, '0');

function clock(at) {
  const date = new Date(at);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.toDateString() === new Date().toDateString() ? time : `${MONTHS[date.getMonth()]} ${date.getDate()} ${time}`;
}

// Returns a reason with local times instead of those of RFC 3339, as on the other screens.
function localTimes(why) {
  return why.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, (time) => (Number.isNaN(Date.parse(time)) ? time : clock(Date.parse(time))));
}

function left(from, at) {
  const seconds = Math.max(0, Math.round((at - from) / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Returns the lines that the plugin shows for an answer of the addon at a given time.
export function lines(answer, now) {
  const kind = answer.kind ? answer.kind[0].toUpperCase() + answer.kind.slice(1) : 'Stopped';
  const head = answer.resetsAt === null ? kind : `${kind}; it resets at ${clock(answer.resetsAt)}`;
  if (answer.next === 'client') {
    return [head, `Claude Code continues this session itself. If it has not by ${clock(answer.at)}, cc-session-recover does (in ${left(now, answer.at)})`];
  }
  if (answer.next === 'module') {
    const budget = answer.dailyContinues ? `; ${answer.dailyContinues.used} of ${answer.dailyContinues.limit} daily continues used` : '';
    return [head, `cc-session-recover continues this session at ${clock(answer.at)} (in ${left(now, answer.at)})${budget}`];
  }
  if (answer.next === 'hook') return [head, 'Another cc-session-recover process is waiting for this session'];
  return [head, localTimes(answer.why)];
}

const GROUPS = [
  ['Needs you', (one) => one.group === 'needs-you'],
  ['Waiting', (one) => one.group === 'waiting'],
  ['Hung', (one) => one.group === 'hung'],
  ['Running', (one) => one.group === 'running'],
  ['Recent', () => true],
];

const fit = (text, size) => (text.length > size ? `${text.slice(0, size - 1)}…` : text.padEnd(size));

const nameOf = (session) => session.name || session.title || session.id.slice(0, 8);

// Shows in the status line which other sessions wait for the user; clears it if there is none.
async function showOthers($) {
  const now = await $.clock.now();
  if (now - othersReadAt < OTHERS_STEP) return;
  othersReadAt = now;
  const answer = await ask($, 'module-sessions');
  if (!answer || !answer.sessions) return;
  const others = answer.sessions.filter((one) => one.group === 'needs-you' && one.id !== current);
  const [first] = others;
  if (!first) $.ui.status(undefined);
  else $.ui.status(others.length === 1 ? `${nameOf(first)} needs you · /recover` : `${others.length} other sessions need you · /recover`);
}

// Returns the lines that the pane shows for one session.
export function details(session) {
  const { next, project } = session;
  return [
    nameOf(session),
    `Session ${session.id}`,
    `Directory ${project.dir ?? project.cwd ?? 'unknown'}`,
    localTimes(next.why),
    ...(next.at ? [`At ${clock(Date.parse(next.at))}`] : []),
    ...(next.argv ? [`Command: ${next.argv.join(' ')}`] : []),
  ];
}

function row(session, columns) {
  const name = nameOf(session);
  const project = String(session.project.dir ?? session.project.cwd ?? '').split('/').pop();
  const width = Math.max(10, Math.floor((columns - 4) / 4));
  return `  ${fit(name, width)} ${fit(project, width)} ${fit(localTimes(session.next.why), width * 2)}`;
}

export function register(on) {
  on('session.start', async ($, e, next) => {
    const started = await next(e);
    const session = await $.session.id();
    await startTicking($);
    await $.command.register({ name: 'recover', description: 'Lists stopped, waiting and running sessions', immediate: true });
    // The session may have been reopened while it waits, or the module may have been reloaded.
    const asked = stopOf(session, 0);
    stop = asked;
    const first = planOf($).then(async (answer) => {
      // This module may have been loaded again after it continued the stop.
      if (answer && answer.continued) continued = { session, generation: answer.generation };
      if (stop === asked && !asked.answer) clear($);
      if ((await $.session.id()) === session) await mark($);
    });
    await Promise.race([first, $.clock.sleep(START_PATIENCE)]);
    return started;
  });

  on('turn.start', async ($, e, next) => {
    if (!e.agentId) {
      isTurnRunning = true;
      turnBeganAt = Date.now();
      await mark($);
      await startTicking($);
      clear($);
    }
    return next(e);
  });

  on('turn.complete', async ($, e, next) => {
    if (!e.agentId) {
      isTurnRunning = false;
      // This must come before the first await, because the client opens its limit menu at the same time.
      if (e.reason === 'error') {
        continued = null;
        stop = stopOf(current, Date.now());
        const asked = stop;
        $.clock.after(READING_STEP / 2, () => isPending(asked) && read($, asked));
      } else {
        clear($);
      }
      $.clock.after(READING_STEP, () => showOthers($));
    }
    return next(e);
  });

  // The client may continue a stop by itself, even one that the module has already continued.
  on('prompt.submit', async ($, e, next) => {
    if (e.origin.kind === 'auto-continuation' && continued && continued.session === (await $.session.id())) {
      return { drop: 'cc-session-recover has continued this session already' };
    }
    return next(e);
  });

  // After it has continued three times, the client opens a menu, which would block every prompt. The module answers it only if the plan
  // covers the stop, and never if the user opened it.
  on('command.run', { command: 'rate-limit-options' }, async ($, e, next) => {
    // The menu may open before the end of the turn is reported.
    const opened = Date.now();
    let slept = 0;
    for (; turnRuns() && slept < MENU_AFTER_STOP; slept += MENU_STEP) await $.clock.sleep(MENU_STEP);
    const asked = stop;
    if (!asked || opened - asked.heardAt > MENU_AFTER_STOP) return next(e);
    asked.menu = true;
    // A new answer is needed, because one from before the menu opened does not take the menu into account.
    let answer = await planOf($);
    while (isPending(asked) && !(answer && !answer.reading) && slept < MENU_SLEEP && Date.now() - opened < MENU_PATIENCE) {
      await $.clock.sleep(READING_STEP);
      slept += READING_STEP;
      answer = await planOf($);
    }
    return isPending(asked) && answer && answer.coversMenu ? {} : next(e);
  });

  on('session.end', async ($, e, next) => {
    clear($);
    continued = null;
    return next(e);
  });

  on('command.run', { command: 'recover' }, async ($) => {
    panel = await ask($, 'module-sessions');
    chosen = null;
    const placed = await $.ui.open({ id: 'cc-session-recover', title: 'Sessions', focus: true, closeOnEscape: true });
    return { text: placed.isPlaced ? 'Enter shows a session, Esc closes the list' : 'Run `cc-session-recover status` to see the sessions' };
  });

  on('ui.render', { component: 'AbovePrompt' }, async ($, e, next) => {
    const answer = stop && stop.answer;
    if (!answer || e.props.hasSurvey || (answer.next === 'nobody' && !answer.reading)) return next(e);
    const { Box, Text, Button } = $.ui.resolve(e);
    const now = await $.clock.now();
    const [head, then] = lines(answer, now);
    const session = stop.session;
    const choose = (line) => async () => {
      await ask($, `${line} ${session}`);
      await planOf($);
    };
    const waits = answer.next === 'client' || answer.next === 'module';
    // A digit answers only while nothing is typed.
    const hint = waits || answer.paused ? [h(Text, { dimColor: true }, '(empty prompt only)')] : [];
    const buttons = [];
    if (waits) buttons.push(h(Button, { key: 'now', label: 'Continue now', hotkey: '1', plain: true, onPress: () => claim($, 'claim-now') }));
    if (answer.paused) buttons.push(h(Button, { key: 'unpause', label: 'Continue as planned', hotkey: '2', plain: true, onPress: choose('module-unpause') }));
    else if (waits) buttons.push(h(Button, { key: 'pause', label: 'Pause', hotkey: '2', plain: true, onPress: choose('module-pause') }));
    if (waits || answer.paused) buttons.push(h(Button, { key: 'cancel', label: 'Do not continue', hotkey: '3', plain: true, onPress: choose('module-cancel') }));
    return h(
      Box,
      { flexDirection: 'column' },
      h(Text, { color: 'yellow' }, head),
      h(Text, { dimColor: true }, then),
      ...(buttons.length ? [h(Box, { flexDirection: 'row', gap: 2 }, ...buttons, ...hint)] : []),
    );
  });

  on('ui.render', { component: 'Pane' }, async ($, e, next) => {
    if (e.requestId !== 'cc-session-recover') return next(e);
    const { Box, Text, Button } = $.ui.resolve(e);
    const sessions = panel && panel.sessions;
    const open = (session) => () => {
      chosen = session;
      show($);
    };
    if (chosen) {
      const [name, ...more] = details(chosen);
      const back = h(Button, { key: 'back', label: 'Back to the list', hotkey: 'b', plain: true, autoFocus: true, onPress: open(null) });
      return h(Box, { flexDirection: 'column' }, h(Text, { bold: true }, name), ...more.map((line) => h(Text, {}, line)), back);
    }
    if (!sessions) return h(Text, {}, 'The sessions could not be read. Run `cc-session-recover status` to see why.');
    const rest = [...sessions];
    const rows = [];
    // The client accepts no `autoFocus: false`.
    let focus = { autoFocus: true };
    for (const [heading, belongs] of GROUPS) {
      const members = rest.filter(belongs);
      if (members.length) rows.push(h(Text, { bold: true }, heading));
      for (const member of members) {
        rest.splice(rest.indexOf(member), 1);
        rows.push(h(Button, { key: member.id, label: row(member, e.props.bodyColumns), plain: true, ...focus, onPress: open(member) }));
        focus = {};
      }
    }
    return h(Box, { flexDirection: 'column' }, ...(rows.length ? rows : [h(Text, {}, 'No session is stopped, waiting or running.')]));
  });
}
