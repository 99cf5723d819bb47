/** Lists that outlive a reload of this tab, and end with it: what one likes, and whom one has blocked. */

/** @typedef {'interests' | 'blocked'} Kept */

/** @param {Kept} name @returns {string[]} */
export function kept(name) {
  try {
    const list = JSON.parse(sessionStorage.getItem(name) ?? '[]');
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

/** @param {Kept} name @param {readonly string[]} list */
export function keep(name, list) {
  try {
    sessionStorage.setItem(name, JSON.stringify(list));
  } catch {
    // A browser that keeps nothing for this page: the list ends with it.
  }
}
