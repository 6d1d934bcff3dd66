// Formats of numbers and times. Separators are English, like the page; times are in the browser's time zone.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const upTo2 = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const upTo6 = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });
const two = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const twoDigits = new Intl.NumberFormat('en-US', { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
const threeDigits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dateTime = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3,
});

// The longest amount that fits into its column.
const AMOUNT_CHARACTERS = 14;

/** Placeholder for a missing value. */
export const NONE = '–';

/** Formats a whole number: "1,234,567". */
export const integer = (number) => whole.format(number);

/** Formats a count for an axis: 12000 → "12K". */
export const short = (number) => compact.format(number);

/** Formats an amount: "1,200.00 EUR", or "1,200.00" without a currency; one below a hundredth has more digits, "0.0012". */
export const amount = (number, currency) => priced(isTiny(number) ? exact(number) : two.format(number), currency);

/** Formats an amount for a narrow column: a long one is abbreviated, "1.23B EUR", as a truncated number would look smaller. */
export function amountShort(number, currency) {
  const text = priced(isTiny(number) ? '<0.01' : two.format(number), currency);
  return text.length > AMOUNT_CHARACTERS ? priced(compact.format(number), currency) : text;
}

/** Formats a cost: "5 EUR"; one below a hundredth is "<0.01 EUR". */
export const cost = (number, currency) => priced(isTiny(number) ? '<0.01' : upTo2.format(number), currency);

const isTiny = (number) => number > 0 && number < 0.005;
const priced = (text, currency) => (currency ? `${text}\u00a0${currency}` : text);

/** Formats a factor with two digits: "×4.4", "×0.52", "×1,200"; a larger one than a million is ">×1,000,000". */
export const factor = (number) => (number > 1e6 ? '>' : '') + `×${twoDigits.format(Math.min(number, 1e6))}`;

/** Formats a number with at most two decimals: "0.68". */
export const decimal = (number) => upTo2.format(number);

/** Formats a number with at most six decimals, or six digits if it is smaller: "0.0871", "1.25e-9". */
export const exact = (number) => (number !== 0 && Math.abs(number) < 1e-5 ? String(Number(number.toPrecision(6))) : upTo6.format(number));

/** Formats a count with its noun: "1 payment", "2 payments". */
export const count = (number, noun) => `${integer(number)} ${noun}${number === 1 ? '' : 's'}`;

/** Formats a probability: "0.912"; only exact values appear as 0 or 1. */
export function probability(share) {
  if (share > 0 && share < 0.0005) return '<0.001';
  if (share < 1 && share >= 0.9995) return '>0.999';
  return share.toFixed(3);
}

/** Formats a share as a percentage with three digits: "2.13%", "96.7%"; null is a dash. */
export function percent(share) {
  if (share === null) return NONE;
  if (share > 0 && share < 0.0001) return '<0.01%';
  if (share < 1 && share >= 0.9995) return '>99.9%';
  if (share === 0 || share === 1) return `${share * 100}%`;
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)}%`;
}

/** Formats milliseconds as [number, unit]: ["12.3", "ms"], ["1.24", "s"]. */
export function duration(ms) {
  if (ms === null) return [NONE, ''];
  if (ms < 999.5) return [threeDigits.format(ms), 'ms'];
  if (ms < 120_000) return [threeDigits.format(ms / 1000), 's'];
  return [threeDigits.format(ms / 60_000), 'min'];
}

/** Formats payments per second as [number, unit]; below one per second, per minute. */
export function pace(perSecond) {
  if (perSecond === null) return [NONE, ''];
  if (perSecond > 0 && perSecond < 1) return [whole.format(perSecond * 60), '/min'];
  return [perSecond < 10 ? upTo2.format(perSecond) : whole.format(perSecond), '/s'];
}

/** Formats a size: "120 MB". */
export function bytes(number) {
  if (number < 1000) return `${integer(number)} B`;
  if (number < 1e6) return `${threeDigits.format(number / 1e3)} kB`;
  if (number < 1e9) return `${threeDigits.format(number / 1e6)} MB`;
  return `${threeDigits.format(number / 1e9)} GB`;
}

/** Formats seconds since 1970 as local "02:14:05". */
export const clock = (second) => seconds.format(second * 1000);

/** Formats seconds since 1970 as local "02:14". */
export const clockMinute = (second) => minutes.format(second * 1000);

/** Formats an ISO time as local "02:14:05"; an invalid time is a dash. */
export function isoClock(iso) {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? NONE : seconds.format(time);
}

/** Formats an ISO time as local date and time with milliseconds; an invalid time is a dash. */
export function isoFull(iso) {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? NONE : dateTime.format(time);
}

/** Formats a field's name for display: "card_country" → "card country". */
export const words = (name) => name.replaceAll('_', ' ');

/** Returns a label for the middle of a sentence: "Amount" → "amount". */
export const lowered = (label) => label.replace(/^./u, (first) => first.toLowerCase());

/** Truncates a long text. */
export const shortened = (text, length) => (text.length > length ? `${text.slice(0, length)}…` : text);
