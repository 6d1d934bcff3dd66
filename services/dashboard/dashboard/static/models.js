// The champion model, which decides, and the challenger, which only scores.

import { el, keyed, setText } from './dom.js';
import { fieldOf } from './fields.js';
import { cost, count, integer, lowered, NONE, percent, probability, shortened } from './format.js';
import { exampleAmounts, limits } from './rule.js';
import { limitTexts, ticks } from './ticks.js';
import { plain } from './untrusted.js';

const SHORT = 12;
const FACTS = ['kind', 'payments', 'mean probability', 'replicas'];

/** Cards of the models. */
export class Models {
  constructor(host, aside) {
    this.host = host;
    this.aside = aside;
  }

  /** Shows the models of the window, and the share of decisions on which champion and challenger agree. */
  render({ models, agreement, rules, schema }) {
    const cards = models.length ? models : [null];
    keyed(this.host, cards, (model) => (model ? `${model.role} ${model.version}` : ''), (model) => (model ? card(model) : none()),
      (node, model) => model && update(node, model, rules[model.version], schema));
    const alone = models.length > 0 && !models.some((model) => model.role === 'challenger');
    setText(this.aside, agreement !== null ? `agree on ${percent(agreement)} of decisions` : alone ? 'no challenger' : '');
    this.aside.title = agreement !== null ? 'Share of the payments scored by both with the same decision' : '';
  }
}

function none() {
  return el('p', { class: 'calm' }, 'No model has scored a payment in the last 15 minutes.');
}

function card(model) {
  const version = plain(model.version);
  const name = version.length > SHORT
    ? el('details', {}, el('summary', { title: version }, shortened(version, SHORT)), el('code', {}, version))
    : el('code', {}, version);
  return el('article', { class: `model ${model.role}`, 'data-testid': 'model-card', 'data-role': model.role },
    el('h3', {}, `${model.role === 'champion' ? '★' : '☆'} ${model.role}`), name,
    el('dl', {}, ...FACTS.map((fact) => el('div', {}, el('dt', {}, fact), el('dd')))), el('div', { class: 'rule' }));
}

function update(node, model, rule, schema) {
  const values = [plain(model.kind) || NONE, integer(model.payments), model.mean === null ? NONE : probability(model.mean), integer(model.replicas)];
  node.querySelectorAll('dd').forEach((cell, i) => setText(cell, values[i]));
  node.title = `${count(model.payments, 'payment')} in the last 15 minutes`;
  if (!rule || node.rule === rule) return;
  node.rule = rule;
  node.lastChild.replaceChildren(...scales(rule, schema));
}

/** Creates the scale of the probability with the ticks of a rule: of thresholds, or of the costs at three amounts. */
function scales(rule, schema) {
  const field = fieldOf(schema, 'amount');
  const amounts = exampleAmounts(rule, Boolean(field));
  if (!amounts.length) return [scale('probability', limits(rule, null))];
  return amounts.map((amount) => scale(`${lowered(plain(field.label))} ${cost(amount, schema.currency)}`, limits(rule, amount)));
}

function scale(name, at) {
  return el('p', { class: 'scale' }, el('span', {}, name), el('span', { class: 'track' }, ...ticks(at)), limitTexts(at));
}
