'use strict';
// Finds text in turns, folds and unfolds, copies, shows times in the zone of the reader, and marks in the timeline where the reader is.
// Without it the page can be read all the same.
(() => {
  const byId = (id) => document.getElementById(id);
  const turns = [...document.querySelectorAll('main > .turn')];
  const links = new Map([...document.querySelectorAll('#timeline a[href^="#t"]')].map((link) => [link.hash.slice(1), link]));
  const input = byId('find');
  const found = byId('found');
  const SLICE = 12;
  const MOST = 5000;
  let round = 0;
  let hits = [];
  let at = -1;
  let ranges = [];
  let range = -1;

  const paint = (name, list) => {
    if (!CSS.highlights) return;
    if (list.length === 0) CSS.highlights.delete(name);
    else CSS.highlights.set(name, new Highlight(...list));
  };
  const folded = (text, whole) => {
    const lower = text.toLowerCase();
    return lower.length === text.length ? [lower, whole.toLowerCase()] : [text, whole];
  };
  const show = (turn, visible) => {
    turn.hidden = !visible;
    const link = links.get(turn.id);
    if (link) link.classList.toggle('out', !visible);
  };

  function rangesIn(turn, wanted) {
    const list = [];
    const nodes = [];
    const starts = [];
    let whole = '';
    // Over all texts as one: colors divide a line of code.
    const walker = document.createTreeWalker(turn, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      nodes.push(node);
      starts.push(whole.length);
      whole += node.data;
    }
    const holding = (offset) => {
      let [low, high] = [0, starts.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] <= offset) low = middle;
        else high = middle - 1;
      }
      return low;
    };
    const [text, sought] = folded(whole, wanted);
    for (let from = text.indexOf(sought); from >= 0 && list.length < MOST; from = text.indexOf(sought, from + sought.length)) {
      const [first, last] = [holding(from), holding(from + sought.length - 1)];
      const one = document.createRange();
      one.setStart(nodes[first], from - starts[first]);
      one.setEnd(nodes[last], from + sought.length - starts[last]);
      list.push(one);
    }
    return list;
  }

  function search() {
    const wanted = input.value.trim();
    const mine = (round += 1);
    hits = [];
    at = -1;
    ranges = [];
    range = -1;
    paint('found', []);
    paint('current', []);
    if (wanted.length < 2) {
      for (const turn of turns) show(turn, true);
      found.value = wanted === '' ? '' : '2 letters at least';
      return;
    }
    let next = 0;
    const slice = () => {
      if (mine !== round) return;
      const until = performance.now() + SLICE;
      while (next < turns.length && performance.now() < until) {
        const turn = turns[next];
        const [text, sought] = folded(turn.textContent, wanted);
        const has = text.includes(sought);
        show(turn, has);
        if (has) hits.push(turn);
        next += 1;
      }
      const done = next === turns.length;
      found.value = `${hits.length} of ${turns.length} turns${done ? '' : ' …'}`;
      if (done) document.documentElement.dataset.found = String(hits.length);
      else setTimeout(slice);
    };
    delete document.documentElement.dataset.found;
    slice();
  }

  function go(step) {
    if (hits.length === 0) return;
    range += step;
    for (let tried = 0; tried <= hits.length && (range < 0 || range >= ranges.length); tried += 1) {
      at = (at + step + hits.length) % hits.length;
      if (at < 0) at = hits.length - 1;
      ranges = rangesIn(hits[at], input.value.trim());
      range = step > 0 ? 0 : ranges.length - 1;
    }
    const one = ranges[range];
    if (!one) return hits[Math.max(at, 0)].scrollIntoView();
    for (let up = one.startContainer.parentElement; up; up = up.parentElement) if (up.localName === 'details') up.open = true;
    paint('found', ranges);
    paint('current', [one]);
    one.startContainer.parentElement.scrollIntoView({ block: 'center' });
    found.value = `${range + 1} of ${ranges.length}, turn ${at + 1} of ${hits.length}`;
  }

  let timer;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') go(event.shiftKey ? -1 : 1);
    if (event.key === 'Escape') {
      input.value = '';
      search();
    }
  });
  byId('on').addEventListener('click', () => go(1));
  byId('back').addEventListener('click', () => go(-1));
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target === input) return;
    event.preventDefault();
    input.focus();
  });

  const fold = byId('fold');
  fold.addEventListener('click', () => {
    const open = fold.getAttribute('aria-pressed') !== 'true';
    for (const one of document.querySelectorAll('main details')) one.open = open;
    fold.setAttribute('aria-pressed', String(open));
    fold.textContent = open ? 'Close all' : 'Open all';
  });
  for (const one of document.querySelectorAll('.scripted')) one.hidden = false;

  // A link to something that is folded away opens it.
  const unfold = () => {
    for (let up = byId(decodeURIComponent(location.hash.slice(1))); up; up = up.parentElement) if (up.localName === 'details') up.open = true;
  };
  addEventListener('hashchange', unfold);
  unfold();

  // Buttons are made when their text comes into view: a long page has thousands.
  const copies = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      copies.unobserve(target);
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'copy';
      button.ariaLabel = 'Copy';
      button.title = 'Copy';
      button.addEventListener('click', async () => {
        // Numbers and buttons are no text of it.
        await navigator.clipboard.writeText(target.textContent).then(
          () => button.classList.add('done'),
          () => getSelection().selectAllChildren(target),
        );
        setTimeout(() => button.classList.remove('done'), 1500);
      });
      target.append(button);
    }
  });
  for (const one of document.querySelectorAll('main pre')) copies.observe(one);

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });
  const long = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' });
  for (const day of document.querySelectorAll('#timeline .day')) if (!day.textContent.startsWith('and ')) day.remove();
  let day = '';
  for (const time of document.querySelectorAll('time')) {
    const instant = new Date(time.dateTime);
    const link = time.closest('#timeline a');
    time.textContent = link ? local.format(instant).slice(11, 16) : local.format(instant);
    if (!link || day === long.format(instant)) continue;
    day = long.format(instant);
    const heading = document.createElement('li');
    heading.className = 'day';
    heading.textContent = day;
    link.parentElement.before(heading);
  }
  byId('zone').textContent = `Times are in ${zone}.`;

  const nav = byId('timeline');
  let current = null;
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        const link = isIntersecting ? links.get(target.id) : undefined;
        if (!link) continue;
        current?.removeAttribute('aria-current');
        current = link;
        link.setAttribute('aria-current', 'true');
        const { top, bottom } = link.getBoundingClientRect();
        const box = nav.getBoundingClientRect();
        if (top < box.top || bottom > box.bottom) nav.scrollTop += top - box.top - box.height / 3;
      }
    },
    { rootMargin: '-12% 0px -86% 0px' },
  );
  for (const turn of turns) seen.observe(turn);
})();
