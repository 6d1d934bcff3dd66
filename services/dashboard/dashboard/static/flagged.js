// Table of the latest reviewed and blocked payments, with their reasons.

import { decisionBadge } from './decisions.js';
import { el } from './dom.js';
import { amount, amountShort, isoClock, probability } from './format.js';
import { cell, LiveTable } from './tables.js';
import { plain } from './untrusted.js';

const CHIPS = 4;

/** Creates the table; `open(payment)` shows a payment in detail; while `isHeld()`, rows don't move. */
export function flaggedTable(panel, input, { open, isHeld }) {
  return new LiveTable(panel, {
    key: (payment) => `${payment.partition}/${payment.offset}`,
    row: (payment) => row(payment, open),
    none: 'No reviewed or blocked payments yet.',
    isHeld,
    filter: { input, text: searchText },
  });
}

function searchText(payment) {
  return `${payment.payment_id} ${payment.decision} ${payment.reasons.map((reason) => reason.text).join(' ')}`.toLowerCase();
}

function row(payment, open) {
  // A link, so that it can be copied and opened in another tab.
  const link = el('a', { href: `#payment=${encodeURIComponent(payment.payment_id)}` }, plain(payment.payment_id));
  const meter = el('i');
  meter.style.width = `${payment.fraud_probability * 100}%`;
  const time = payment.timestamp || payment.scored_at;
  const more = payment.reasons.length - CHIPS;
  const node = el('tr', { role: 'row', 'data-testid': 'flagged-row', 'data-payment-id': payment.payment_id, 'data-decision': payment.decision },
    cell('time', el('time', { datetime: time, title: `${time} (UTC)` }, isoClock(time))),
    cell('id', link),
    cell('number', el('span', { title: amount(payment.fields.amount) }, amountShort(payment.fields.amount))),
    cell('decision', decisionBadge(payment.decision)),
    cell('probability', el('span', { class: `meter ${payment.decision}`, 'aria-hidden': 'true' }, meter), probability(payment.fraud_probability)),
    cell('reasons', ...payment.reasons.slice(0, CHIPS).map((reason) => el('span', { class: 'chip' }, plain(reason.text))),
      more > 0 ? el('span', { class: 'chip' }, `+${more}`) : ''));
  node.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    // The dialog returns the focus to the element that had it: this row's link.
    link.focus({ preventScroll: true });
    open(payment);
  });
  return node;
}
