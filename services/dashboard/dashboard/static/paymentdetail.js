// Detail of a payment: decision, reasons, fields, model and offset.

import { decisionBadge } from './decisions.js';
import { el } from './dom.js';
import { facts, moment } from './facts.js';
import { amountOf, fieldNode, fieldOf } from './fields.js';
import { duration, lowered, NONE } from './format.js';
import { reasonList } from './reasons.js';
import { explanation, formula, limits, ruleOf } from './rule.js';
import { limitTexts, ticks } from './ticks.js';
import { plain } from './untrusted.js';

/** Creates the detail of a payment; `schema` describes its fields, `rules` has the decision rules by model version. */
export function paymentDetail(payment, { schema, rules }) {
  const rule = ruleOf(rules, payment);
  const amount = amountOf(schema, payment);
  return el('article', { class: 'record' },
    verdict(payment, rule ? limits(rule, amount) : {}),
    ...(rule ? because(rule, payment, amount, schema) : []),
    el('h3', {}, 'Reasons'),
    reasonList(payment),
    el('h3', {}, 'Fields'),
    facts(schema.fields.filter((field) => field.role !== 'id')
      .map((field) => [plain(field.label), fieldNode(field, payment.fields[field.name], schema.currency), field.name]), 'fields'),
    el('h3', {}, 'Origin and time'),
    facts([
      ['Input record', `partition ${payment.partition}, offset ${payment.offset}`],
      ['Sent', moment(payment.timestamp)],
      ['Scored', moment(payment.scored_at)],
      ['Time to score', timeToScore(payment)],
      ['Model', el('code', {}, plain(payment.model_version))],
      ...(payment.challenger_version === null ? [] : [['Challenger', el('code', {}, plain(payment.challenger_version))]]),
    ]));
}

function verdict(payment, decisionLimits) {
  const scores = [['champion', payment.fraud_probability]];
  if (payment.challenger_probability !== null) scores.push(['challenger', payment.challenger_probability]);
  return el('div', { class: 'verdict' }, decisionBadge(payment.decision),
    el('div', { class: 'scales' }, ...scores.map(([role, value]) => {
      const isChampion = role === 'champion';
      const bar = el('i');
      bar.style.width = `${value * 100}%`;
      return el('p', { class: `scale ${role}` }, el('span', {}, scores.length > 1 ? role : 'fraud probability'),
        el('b', {}, value.toFixed(6)),
        el('span', { class: `track ${isChampion ? payment.decision : ''}` }, bar, ...(isChampion ? ticks(decisionLimits) : [])),
        isChampion ? limitTexts(decisionLimits) : '');
    })));
}

function because(rule, payment, amount, schema) {
  const text = explanation(rule, payment, amount, schema.currency);
  if (!text) return [];
  const field = fieldOf(schema, 'amount');
  const computed = formula(rule, amount, field ? lowered(plain(field.label)) : '', schema.currency);
  return [el('h3', {}, 'Decision'), el('p', { 'data-testid': 'because' }, text), computed ? el('p', { class: 'key' }, computed) : ''];
}

/** Formats the time from the payment's Kafka timestamp until it was scored: the latency, which ends with the commit, is longer. */
function timeToScore(payment) {
  const ms = Date.parse(payment.scored_at) - Date.parse(payment.timestamp);
  return Number.isNaN(ms) ? NONE : duration(ms).join(' ');
}
