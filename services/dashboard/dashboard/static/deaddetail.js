// Detail of a dead letter, with the original message.

import { el } from './dom.js';
import { facts, moment } from './facts.js';
import { bytes, isoClock, NONE } from './format.js';
import { plain, revealed } from './untrusted.js';

/** Creates the badge with the time of replay; hidden if the letter was not replayed. */
export function replayedBadge({ replayed }) {
  const badge = el('span', { class: 'badge replayed', 'data-testid': 'replayed' }, el('i', { 'aria-hidden': 'true' }, '↻'));
  badge.append(`replayed ${replayed ? isoClock(replayed) : ''}`);
  badge.hidden = !replayed;
  return badge;
}

/** Creates the detail of a dead letter; `commands` names the command line of the user. */
export function deadLetterDetail(letter, { commands }) {
  return el('article', { class: 'record' },
    el('div', { class: 'verdict' }, el('span', { class: 'badge dead' }, el('i', { 'aria-hidden': 'true' }, '✕'), plain(letter.reason)), replayedBadge(letter)),
    el('p', { class: 'letter-detail' }, revealed(letter.detail)),
    el('h3', {}, 'Message'),
    message(letter, commands),
    el('h3', {}, 'Origin and time'),
    facts([
      ['Key', letter.masked ? 'not shown' : letter.key === null ? 'none' : revealed(letter.key)],
      ['Size', bytes(letter.value_bytes)],
      ['Place', letter.place ?? NONE],
      ['Dead letter', `partition ${letter.partition}, offset ${letter.offset}`],
      ['Time', letter.timestamp ? moment(letter.timestamp) : NONE],
      ['Replayed', letter.replayed ? moment(letter.replayed) : 'no'],
    ]),
    ...correction(letter, commands));
}

function command(commands, text) {
  return el('pre', { class: 'raw', 'data-testid': 'command' }, `${commands.fraudstream} dlq ${text}`);
}

/** Creates the command that exports a letter to be corrected; none for a replayed one. */
function correction({ place, masked, replayed }, commands) {
  if (!place || masked || replayed) return [];
  return [el('h3', {}, 'Correction'), command(commands, `export ${place} --out outputs/letters.jsonl`)];
}

function message(letter, commands) {
  if (letter.masked) {
    return el('div', { 'data-testid': 'masked' },
      el('p', { class: 'calm' }, 'Not shown: the payment schema has secret fields, and the message may hold their values in clear. To see it:'),
      letter.place ? command(commands, `show ${letter.place} --raw`) : '');
  }
  if (letter.value === null) return el('p', { class: 'calm' }, 'No value: a tombstone.');
  const isTruncated = new TextEncoder().encode(letter.value).length < letter.value_bytes;
  return el('div', {},
    el('pre', { class: 'raw', tabindex: '0', 'aria-label': 'Original message' }, revealed(letter.value, { lines: true })),
    isTruncated ? el('p', { class: 'key' }, `Truncated: the whole message has ${bytes(letter.value_bytes)}.`) : '');
}
