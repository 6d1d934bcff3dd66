// Table of the latest dead letters. All their texts are untrusted.

import { replayedBadge } from './deaddetail.js';
import { el } from './dom.js';
import { bytes, isoClock, NONE } from './format.js';
import { cell, LiveTable } from './tables.js';
import { plain, revealed } from './untrusted.js';

/** Creates the table; `open(letter)` shows a letter in detail; while `isHeld()`, rows don't move. */
export function deadLettersTable(panel, { open, isHeld }) {
  return new LiveTable(panel, {
    key: (letter) => `${letter.partition}/${letter.offset}`,
    row: (letter) => row(letter, open),
    update: (node, letter) => {
      node.letter = letter; // after a reconnection, not the object that the row was created from
      const badge = node.querySelector('.badge');
      if (letter.replayed && badge.hidden) badge.replaceWith(replayedBadge(letter));
    },
    none: 'No dead letters yet.',
    isHeld,
  });
}

function row(letter, open) {
  const button = el('button', { type: 'button', class: 'link' }, plain(letter.reason));
  const node = el('tr', { role: 'row', 'data-testid': 'dead-row', 'data-reason': letter.reason },
    cell('time', el('time', { datetime: letter.timestamp, title: `${letter.timestamp} (UTC)` }, isoClock(letter.timestamp))),
    cell('reason', button),
    cell('detail', replayedBadge(letter), revealed(letter.detail)),
    cell('key', letter.key === null ? '–' : revealed(letter.key)),
    cell('place', letter.place ?? NONE),
    cell('number', bytes(letter.value_bytes)));
  node.addEventListener('click', () => {
    if (String(getSelection())) return;
    button.focus({ preventScroll: true });
    open(node.letter);
  });
  return node;
}
