// html-to-text has no types of its own; this is the part that we use.
declare module 'html-to-text' {
  export function convert(html: string, options: Record<string, unknown>): string;
}
