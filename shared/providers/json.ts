// Values out of JSON that someone else wrote.

/** Undefined when the text is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value at a path such as `messages[0].id` or `messages.0.id`; undefined when there is none. */
export function at(value: unknown, path: string): unknown {
  let here = value;
  for (const step of path.split(/[.[\]]+/).filter((one) => one !== '')) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string, unknown>)[step];
  }
  return here;
}

/** A text or number at a path, as text; undefined when there is none or it is empty. */
export function textAt(value: unknown, path: string): string | undefined {
  const found = at(value, path);
  return (typeof found === 'string' && found !== '') || typeof found === 'number' ? String(found) : undefined;
}

/** The list at a path; empty when there is none. */
export function listAt(value: unknown, path: string): unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}
