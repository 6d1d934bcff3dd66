// Detail of a payment: decision, reasons, model and offset.

import { decisionBadge } from './decisions.js';
import { el } from './dom.js';
import { facts, moment } from './facts.js';
import { amount, decimal, duration, NONE, words } from './format.js';
import { plain } from './untrusted.js';

// label and format of fields that are not shown by their name as a plain number
const SHOWN = {
  amount: ['Amount', amount],
  transaction_hour: ['Hour of the day', (hour) => `${hour}:00 – ${hour}:59`],
  is_new_device: ['New device', (flag) => (flag ? 'yes' : 'no')],
};

/** Creates the detail of a payment. */
export function paymentDetail(payment) {
  return el('article', { class: 'record' },
    verdict(payment),
    el('h3', {}, 'Reasons'),
    reasons(payment.reasons),
    el('h3', {}, 'Fields'),
    facts(Object.entries(payment.fields).map(([name, value]) => field(name, value))),
    el('h3', {}, 'Origin and time'),
    facts([
      ['Input record', `partition ${payment.partition}, offset ${payment.offset}`],
      ['Sent', moment(payment.timestamp)],
      ['Scored', moment(payment.scored_at)],
      ['Latency', latency(payment)],
      ['Model', el('code', {}, plain(payment.model_version))],
      ...(payment.challenger_version === null ? [] : [['Challenger', el('code', {}, plain(payment.challenger_version))]]),
    ]));
}

function field(name, value) {
  const [label, format] = SHOWN[name] ?? [words(name).replace(/^./, (first) => first.toUpperCase()), decimal];
  return [label, value === null ? NONE : format(value)];
}

function verdict(payment) {
  const scores = [['champion', payment.fraud_probability]];
  if (payment.challenger_probability !== null) scores.push(['challenger', payment.challenger_probability]);
  return el('div', { class: 'verdict' }, decisionBadge(payment.decision),
    el('div', { class: 'scales' }, ...scores.map(([role, value]) => {
      const bar = el('i');
      bar.style.width = `${value * 100}%`;
      return el('p', { class: `scale ${role}` }, el('span', {}, scores.length > 1 ? role : 'fraud probability'),
        el('b', {}, value.toFixed(6)), el('span', { class: `track ${role === 'champion' ? payment.decision : ''}` }, bar));
    })));
}

function reasons(list) {
  if (!list.length) return el('p', { class: 'calm' }, 'No reasons: approved payments have none.');
  const most = Math.max(...list.map((reason) => Math.abs(reason.contribution)));
  return el('ul', { class: 'contributions' }, ...list.map((reason) => {
    const bar = el('i', { class: reason.contribution < 0 ? 'down' : 'up' });
    bar.style.width = `${most ? (Math.abs(reason.contribution) / most) * 100 : 0}%`;
    const sign = reason.contribution < 0 ? '−' : '+';
    return el('li', { title: `${plain(words(reason.field))}: contribution to the log-odds` },
      el('span', {}, plain(reason.text)), el('b', {}, `${sign}${Math.abs(reason.contribution).toFixed(2)}`), el('span', { class: 'track' }, bar));
  }), el('li', { class: 'key' }, 'Contributions to the log-odds: + makes fraud more likely, − less likely.'));
}

function latency(payment) {
  const ms = Date.parse(payment.scored_at) - Date.parse(payment.timestamp);
  return Number.isNaN(ms) ? NONE : `${duration(ms).join(' ')} from sent to scored`;
}
