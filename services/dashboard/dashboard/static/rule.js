// The rule by which a model decides: the least expected cost of each payment, or thresholds of the probability where there is no amount.

import { cost as money, probability as formatted } from './format.js';

const NEVER = { review: null, block: null };
const EXAMPLES = [2, 20, 200];

/** Returns the decision rule of the model that decided a payment; null if it is not known. */
export function ruleOf(rules, payment) {
  return Object.hasOwn(rules, payment.model_version) ? rules[payment.model_version] : null;
}

/** Returns round amounts that show how a rule decides: 2, 20 and 200 times the cost of a review; empty if amounts don't matter to it. */
export function exampleAmounts(rule, hasAmount) {
  return rule.costs && hasAmount ? EXAMPLES.map((times) => Number((times * (rule.costs.review || 1)).toPrecision(1))) : [];
}

/**
 * Returns the lowest probabilities at which a payment of this amount is reviewed and blocked; null where it never is, or where that
 * is not known. The server's rule is `{ costs: { fraud, review, wrong_block, min_block }, thresholds: { review, block } }`: a model has
 * thresholds, and perhaps costs, by which it decides on payments that have an amount.
 */
export function limits(rule, amount) {
  if (!isByCost(rule, amount)) return rule.thresholds ?? NEVER;
  const { fraud, review, wrong_block: wrongBlock, min_block: minBlock } = rule.costs;
  const loss = amount + fraud;
  if (loss <= 0) return NEVER;
  const block = Math.max(minBlock, 1 - review / wrongBlock, wrongBlock / (wrongBlock + loss));
  return { review: review / loss < Math.min(block, 1) ? review / loss : null, block: block < 1 ? block : null };
}

/** Returns the decision of a payment explained in money, or by the thresholds; empty if they are not known. */
export function explanation(rule, payment, amount, currency) {
  if (!isByCost(rule, amount)) {
    if (!rule.thresholds) return '';
    const { review, block } = rule.thresholds;
    return `Reviewed from a probability of ${formatted(review)}, blocked from ${formatted(block)}.`;
  }
  const { fraud, review, wrong_block: wrongBlock, min_block: minBlock } = rule.costs;
  const loss = payment.fraud_probability * (amount + fraud);
  const block = (1 - payment.fraud_probability) * wrongBlock;
  const isBlockRefused = payment.decision !== 'block' && payment.fraud_probability < minBlock && block < Math.min(loss, review);
  return `Expected loss ${money(loss, currency)}, a review costs ${money(review, currency)}, a block is expected to cost ${money(block, currency)}.`
    + (isBlockRefused ? ` Nothing is blocked below a probability of ${formatted(minBlock)}.` : '');
}

/** Returns how the expected costs of a payment are computed; empty where thresholds decide. */
export function formula(rule, amount, label, currency) {
  if (!isByCost(rule, amount)) return '';
  const { fraud, wrong_block: wrongBlock } = rule.costs;
  return `Loss: probability × (${label} + ${money(fraud, currency)}). Block: (1 − probability) × ${money(wrongBlock, currency)}. The cheapest decision is taken.`;
}

function isByCost(rule, amount) {
  return Boolean(rule.costs) && amount !== null;
}
