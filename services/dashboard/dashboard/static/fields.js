// Values of a payment's fields, formatted as the server describes the schema.

import { el } from './dom.js';
import { amount, exact, isoFull, NONE } from './format.js';
import { plain } from './untrusted.js';

const HOURS = 24;

const FORMATS = {
  amount: (value, currency) => amount(value, currency),
  flag: (value) => (value ? 'yes' : 'no'),
  hour: (value) => (value >= 0 && value < HOURS ? `${pad(value)}:00 – ${pad(value)}:59` : exact(value)),
  number: (value) => exact(value),
  time: (value) => isoFull(value),
};

/** Returns the field with a role ("id", "amount", "time", "key"), if the schema has one. */
export function fieldOf(schema, role) {
  return schema.fields.find((field) => field.role === role);
}

/** Returns a payment's amount: null without one, and where it is missing. */
export function amountOf(schema, payment) {
  const value = payment.fields[fieldOf(schema, 'amount')?.name];
  return typeof value === 'number' ? value : null;
}

/** Formats a field's value, an amount with the currency; a missing one is a dash. */
export function fieldText(field, value, currency) {
  if (value === null || value === undefined) return NONE;
  // Text of a field that is not one: an integer that JavaScript can't represent.
  const isText = typeof value === 'string' && field.format !== 'time';
  return isText || !FORMATS[field.format] ? plain(value) : FORMATS[field.format](value, currency);
}

/** Creates a field's value with the whole text in its title; a secret's is its token, marked as one. */
export function fieldNode(field, value, currency) {
  const text = fieldText(field, value, currency);
  if (text === NONE) return NONE;
  if (field.secret) {
    return el('span', { class: 'token', title: `Token of a secret value, the same for equal values: ${text}` }, el('i', { 'aria-hidden': 'true' }, '◆'), text);
  }
  return el('span', { title: field.format === 'time' ? `${value} (UTC)` : text }, text);
}

function pad(hour) {
  return String(hour).padStart(2, '0');
}
