// Untrusted text: shown unchanged, with hidden and reordering characters as visible escapes.

import { el } from './dom.js';

// Control characters, format characters (including bidi overrides), private use, lone surrogates, line and paragraph separators,
// and characters without a glyph.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const LAYOUT = new Set(['\n', '\t']);

function escapeOf(character) {
  const code = character.codePointAt(0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}

/** Returns the text with hidden characters as \u escapes. */
export function plain(text) {
  return String(text).replace(HIDDEN, escapeOf);
}

/** Returns a node with the text, in which escapes are marked; `lines` keeps line breaks and tabs. */
export function revealed(text, { lines = false } = {}) {
  const node = el('bdi', { class: 'untrusted' });
  const source = String(text);
  let from = 0;
  for (const match of source.matchAll(HIDDEN)) {
    if (lines && LAYOUT.has(match[0])) continue;
    node.append(source.slice(from, match.index), el('span', { class: 'escape' }, escapeOf(match[0])));
    from = match.index + match[0].length;
  }
  node.append(source.slice(from));
  return node;
}
