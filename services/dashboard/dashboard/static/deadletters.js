// The latest messages that could not be scored. Every text in them is a stranger's.

import { replayedBadge } from './deaddetail.js';
import { el } from './dom.js';
import { bytes, isoClock } from './format.js';
import { cell, LiveTable } from './tables.js';
import { plain, revealed } from './untrusted.js';

/** Makes the table; `open(letter)` shows one in detail, `held()` keeps rows still. */
export function deadLettersTable(panel, { open, held }) {
  return new LiveTable(panel, {
    key: (letter) => `${letter.partition}/${letter.offset}`,
    row: (letter) => row(letter, open),
    update: (node, letter) => {
      const badge = node.querySelector('.badge');
      if (letter.replayed && badge.hidden) badge.replaceWith(replayedBadge(letter));
    },
    none: 'No dead letters yet.',
    held,
  });
}

function row(letter, open) {
  const button = el('button', { type: 'button', class: 'link' }, plain(letter.reason));
  const node = el('tr', { role: 'row', 'data-testid': 'dead-row', 'data-reason': letter.reason },
    cell('time', el('time', { datetime: letter.timestamp, title: `${letter.timestamp} (UTC)` }, isoClock(letter.timestamp))),
    cell('reason', button),
    cell('detail', replayedBadge(letter), revealed(letter.detail)),
    cell('key', letter.key === null ? '–' : revealed(letter.key)),
    cell('place', `${letter.source_partition} / ${letter.source_offset}`),
    cell('number', bytes(letter.value_bytes)));
  node.addEventListener('click', () => {
    if (String(getSelection())) return;
    button.focus({ preventScroll: true });
    open(letter);
  });
  return node;
}
