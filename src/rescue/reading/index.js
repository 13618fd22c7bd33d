'use strict';
// Filters the list, and shows times in the zone of the reader. Without it the list can be read all the same.
(() => {
  const byId = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll('.index li')].map((row) => [row, row.textContent.toLowerCase()]);
  const input = byId('find');
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    byId('found').value = words.length === 0 ? '' : `${shown} of ${rows.length}`;
  };
  input.addEventListener('input', filter);
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    input.value = '';
    filter();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target === input) return;
    event.preventDefault();
    input.focus();
  });
  const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });
  for (const time of document.querySelectorAll('time')) time.textContent = local.format(new Date(time.dateTime));
  byId('zone').textContent = `Times are in ${local.resolvedOptions().timeZone}.`;
  for (const one of document.querySelectorAll('.scripted')) one.hidden = false;
})();
