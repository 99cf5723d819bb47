/** Numbers and times as people read them. */

const WHOLE = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** @param {number} count */
export const number = (count) => (count < 100_000 ? WHOLE : SHORT).format(count);

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number | null} milliseconds How long something took. */
export function took(milliseconds) {
  if (milliseconds === null) return '–';
  if (milliseconds === 0) return '0';
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  return lasting(seconds);
}

/** @param {number} seconds How long something has lasted, in its one or two largest units. */
export function lasting(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} days`;
}

/** @param {number} part @param {number} whole */
export function share(part, whole) {
  if (whole === 0) return '–';
  // Whatever failed must not round away.
  const percent = (100 * part) / whole;
  if (percent > 99 && part < whole) return `${Math.min(percent, 99.9).toFixed(1)} %`;
  return `${Math.round(percent)} %`;
}

/** @param {number} seconds */
export const ago = (seconds) => (seconds < 5 ? 'just now' : `${lasting(seconds)} ago`);
