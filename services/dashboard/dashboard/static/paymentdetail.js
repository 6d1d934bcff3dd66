// Detail of a payment: decision, reasons, fields, model and offset.

import { decisionBadge } from './decisions.js';
import { el } from './dom.js';
import { facts, moment } from './facts.js';
import { amountOf, fieldNode, fieldOf } from './fields.js';
import { duration, lowered, NONE, probability, words } from './format.js';
import { explanation, formula, limits } from './rule.js';
import { plain } from './untrusted.js';

/** Creates the detail of a payment; `schema` describes its fields, `rules` has the decision rules by model version. */
export function paymentDetail(payment, { schema, rules }) {
  const rule = Object.hasOwn(rules, payment.model_version) ? rules[payment.model_version] : null;
  const amount = amountOf(schema, payment);
  return el('article', { class: 'record' },
    verdict(payment, rule ? limits(rule, amount) : {}),
    ...(rule ? because(rule, payment, amount, fieldOf(schema, 'amount')) : []),
    el('h3', {}, 'Reasons'),
    reasons(payment.reasons),
    el('h3', {}, 'Fields'),
    facts(schema.fields.filter((field) => field.role !== 'id')
      .map((field) => [plain(field.label), fieldNode(field, payment.fields[field.name]), field.name]), 'fields'),
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

function verdict(payment, { review = null, block = null }) {
  const scores = [['champion', payment.fraud_probability]];
  if (payment.challenger_probability !== null) scores.push(['challenger', payment.challenger_probability]);
  const ticks = [['review', review], ['block', block]].filter(([, at]) => at !== null);
  return el('div', { class: 'verdict' }, decisionBadge(payment.decision),
    el('div', { class: 'scales' }, ...scores.map(([role, value]) => {
      const isChampion = role === 'champion';
      const bar = el('i');
      bar.style.width = `${value * 100}%`;
      return el('p', { class: `scale ${role}` }, el('span', {}, scores.length > 1 ? role : 'fraud probability'),
        el('b', {}, value.toFixed(6)), el('span', { class: `track ${isChampion ? payment.decision : ''}` }, bar, ...(isChampion ? ticks.map(tick) : [])),
        isChampion && ticks.length ? el('span', { class: 'limits', 'data-testid': 'limits' }, ...ticks.map(limit)) : '');
    })));
}

function tick([decision, at]) {
  const mark = el('i', { class: `tick ${decision}`, 'data-at': at });
  mark.style.left = `${at * 100}%`;
  return mark;
}

function limit([decision, at]) {
  return el('span', { class: decision }, el('i', { 'aria-hidden': 'true' }, '▎'), `${decision} from ${probability(at)}`);
}

function because(rule, payment, amount, field) {
  const text = explanation(rule, payment, amount);
  if (!text) return [];
  const computed = formula(rule, amount, field ? lowered(plain(field.label)) : '');
  return [el('h3', {}, 'Decision'), el('p', { 'data-testid': 'because' }, text), computed ? el('p', { class: 'key' }, computed) : ''];
}

function reasons(list) {
  if (!list.length) return el('p', { class: 'calm' }, 'No reasons: approved payments have none.');
  const most = Math.max(...list.map((reason) => Math.abs(reason.contribution)));
  return el('ul', { class: 'contributions' }, ...list.map((reason) => {
    const bar = el('i', { class: reason.contribution < 0 ? 'down' : 'up' });
    bar.style.width = `${most ? (Math.abs(reason.contribution) / most) * 100 : 0}%`;
    const sign = reason.contribution < 0 ? '−' : '+';
    const text = plain(reason.text);
    return el('li', { title: `${text}\n${plain(words(reason.field))}: contribution to the log-odds` },
      el('span', {}, text), el('b', {}, `${sign}${Math.abs(reason.contribution).toFixed(2)}`), el('span', { class: 'track' }, bar));
  }), el('li', { class: 'key' }, 'Contributions to the log-odds: + makes fraud more likely, − less likely.'));
}

function latency(payment) {
  const ms = Date.parse(payment.scored_at) - Date.parse(payment.timestamp);
  return Number.isNaN(ms) ? NONE : `${duration(ms).join(' ')} from sent to scored`;
}
