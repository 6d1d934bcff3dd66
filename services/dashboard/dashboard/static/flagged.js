// Table of the latest reviewed and blocked payments, with their reasons.

import { decisionBadge } from './decisions.js';
import { el, setText } from './dom.js';
import { amountOf, fieldOf, fieldText } from './fields.js';
import { amountShort, isoClock, lowered, probability } from './format.js';
import { strength, strong } from './reasons.js';
import { limits, ruleOf } from './rule.js';
import { cell, LiveTable } from './tables.js';
import { limitTexts, ticks } from './ticks.js';
import { plain } from './untrusted.js';

const CHIPS = 4;

/** Creates the table; `open(payment)` shows a payment in detail; while `isHeld()`, rows don't move; `store` has schema and rules. */
export function flaggedTable(panel, input, { open, isHeld, store }) {
  return new LiveTable(panel, {
    // A row of another schema has other columns.
    key: (payment) => `${store.schema.layout} ${payment.partition}/${payment.offset}`,
    row: (payment) => row(payment, store.schema, open),
    update: (node, payment) => showLimits(node, payment, store),
    none: 'No reviewed or blocked payments yet.',
    isHeld,
    filter: { input, text: (payment) => searchText(payment, store.schema) },
  });
}

/** Shows on the bar of the probability where the payment's decision changes, once the rule is known. */
function showLimits(node, payment, { rules, schema }) {
  const rule = ruleOf(rules, payment);
  const meter = node.querySelector('.meter');
  if (!rule || node.rule === rule) return;
  node.rule = rule;
  const at = limits(rule, amountOf(schema, payment));
  meter.replaceChildren(meter.firstChild, ...ticks(at));
  meter.title = limitTexts(at).textContent ?? '';
}

/** Shows the amount's column under its label, or hides it if the schema has no amount. */
export function showAmountColumn(header, schema) {
  const field = fieldOf(schema, 'amount');
  header.hidden = !field;
  if (!field) return;
  setText(header, plain(field.label));
  header.title = field.name;
}

function searchText(payment, { fields }) {
  const indexed = fields.filter((field) => field.index).map((field) => payment.fields[field.name] ?? '');
  return [payment.id, payment.decision, ...payment.reasons.map((reason) => reason.text), ...indexed].join(' ').toLowerCase();
}

function row(payment, schema, open) {
  // A link, so that it can be copied and opened in another tab.
  const id = plain(payment.id);
  const link = el('a', { href: `#payment=${encodeURIComponent(payment.id)}`, title: id }, id);
  const meter = el('i');
  meter.style.width = `${payment.fraud_probability * 100}%`;
  const time = payment.timestamp || payment.scored_at;
  const listed = strong(payment.reasons);
  const more = listed.length - CHIPS;
  const reasons = cell('reasons', ...listed.slice(0, CHIPS).map(chip), more > 0 ? el('span', { class: 'chip' }, `+${more}`) : '');
  if (listed.length) reasons.title = listed.map((reason) => `${plain(reason.text)} ${strength(reason)}`).join('\n');
  const node = el('tr', { role: 'row', 'data-testid': 'flagged-row', 'data-payment-id': payment.id, 'data-decision': payment.decision },
    cell('time', el('time', { datetime: time, title: `${time} (UTC)` }, isoClock(time))),
    cell('id', link),
    ...amountCell(payment, fieldOf(schema, 'amount'), schema.currency),
    cell('decision', decisionBadge(payment.decision)),
    cell('probability', el('span', { class: `meter ${payment.decision}`, 'aria-hidden': 'true' }, meter), probability(payment.fraud_probability)),
    reasons);
  node.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    // The dialog returns the focus to the element that had it: this row's link.
    link.focus({ preventScroll: true });
    open(payment);
  });
  return node;
}

function chip(reason) {
  return el('span', { class: 'chip' }, plain(reason.text), el('b', {}, strength(reason)));
}

function amountCell(payment, field, currency) {
  if (!field) return [];
  const value = payment.fields[field.name];
  const text = fieldText(field, value, currency);
  const node = cell('number', el('span', { title: text }, typeof value === 'number' ? amountShort(value, currency) : text));
  node.dataset.label = lowered(plain(field.label));
  return [node];
}
