'use strict';
// Shows times in the zone of the reader. Without it they are UTC.
(() => {
  const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
  for (const time of document.querySelectorAll('time')) {
    const text = local.format(new Date(time.dateTime));
    time.textContent = time.className === 'short' ? text.slice(11) : text;
  }
  document.getElementById('zone').textContent = `Times are in ${local.resolvedOptions().timeZone}.`;
})();
