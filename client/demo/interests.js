/**
 * The field for what one likes: a row of chips with a place to write the next. Decides what counts as one, and says what it
 * did with what was written. What they are for is `main.js`'s.
 */

import { WISH_BOUNDS } from '/sdk/index.js';
import { INTERESTS } from './words.js';

export class Interests {
  #chips;
  #input;
  #hint;
  /** @type {string[]} As they were written. */
  #list = [];
  #changed;

  /**
   * @param {{ chips: HTMLElement, input: HTMLInputElement, hint: HTMLElement }} parts
   * @param {string[]} list
   * @param {(list: string[]) => void} changed
   */
  constructor({ chips, input, hint }, list, changed) {
    this.#chips = chips;
    this.#input = input;
    this.#hint = hint;
    for (const interest of list) this.#add(interest);
    this.#changed = changed;
    this.#show(INTERESTS.hint);
    input.addEventListener('keydown', (event) => this.#key(event));
    input.addEventListener('input', () => void (/[,\n]/.test(input.value) && this.#takeWritten()));
    chips.addEventListener('click', ({ target }) => {
      if (target instanceof HTMLButtonElement) this.#remove(target.value);
    });
    // Beside the chips is the field, too.
    chips.parentElement?.addEventListener('click', ({ target }) => void (target === chips.parentElement && input.focus()));
  }

  /** All of them, with what is still being written. */
  take() {
    if (this.#input.value.trim()) this.#takeWritten();
    return [...this.#list];
  }

  /**
   * Tags as this person has written them: the server tells them in its own writing.
   * @param {string[]} tags
   */
  spelled(tags) {
    return tags.map((tag) => this.#list.find((interest) => normalized(interest) === tag) ?? tag);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter' && this.#input.value.trim()) {
      // Without anything written it starts, as in any form.
      event.preventDefault();
      this.#takeWritten();
    } else if (event.key === 'Backspace' && this.#input.value === '' && !event.repeat) {
      const last = this.#list.at(-1);
      if (last !== undefined) this.#remove(last);
    }
  }

  #takeWritten() {
    const written = this.#input.value.split(/[,\n]/);
    this.#input.value = '';
    /** @type {string[]} */
    const left = [];
    let said = INTERESTS.hint;
    for (const text of written) {
      const refusal = this.#add(text);
      if (!refusal) continue;
      said = refusal;
      left.push(text.trim());
    }
    // What was not taken is still there to be changed.
    this.#input.value = left.join(' ');
    this.#show(said);
    this.#changed?.(this.#list);
  }

  /** @param {string} text @returns {string} Why it is not taken; empty if it is, or is there already. */
  #add(text) {
    const interest = text.trim().replace(/\s+/g, ' ');
    const tag = normalized(interest);
    if (!tag || this.#list.some((one) => normalized(one) === tag)) return '';
    if ([...tag].length > WISH_BOUNDS.tag) return INTERESTS.tooLong;
    if (this.#list.length >= WISH_BOUNDS.tags) return INTERESTS.full;
    this.#list.push(interest);
    return '';
  }

  /** @param {string} interest */
  #remove(interest) {
    this.#list = this.#list.filter((one) => one !== interest);
    this.#show(INTERESTS.removed(interest));
    this.#changed?.(this.#list);
    this.#input.focus();
  }

  /** @param {string} hint */
  #show(hint) {
    this.#chips.replaceChildren(...this.#list.map(chip));
    this.#input.placeholder = this.#list.length ? '' : INTERESTS.example;
    this.#hint.textContent = hint;
  }
}

/** @param {string} interest */
function chip(interest) {
  const item = document.createElement('li');
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.value = interest;
  remove.textContent = '×';
  remove.setAttribute('aria-label', INTERESTS.remove(interest));
  item.append(interest, remove);
  return item;
}

/** As the server compares them: NFKC, trimmed, in lower case. @param {string} text */
const normalized = (text) => text.normalize('NFKC').trim().toLowerCase().normalize('NFKC');
