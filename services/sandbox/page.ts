// The sandbox's one page: the messages that arrived, the newest first. Plain HTML that renews itself.
import type { Shown } from './inbox.ts';

const STYLE = `
  :root { color-scheme: light dark; --line: #8884; --quiet: #767676; }
  @media (prefers-color-scheme: dark) { :root { --quiet: #999; } }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
  h1 { font-size: 1.25rem; margin: 0; }
  p { margin: 0.25rem 0; }
  article { border-top: 1px solid var(--line); padding: 0.75rem 0; }
  .text { white-space: pre-wrap; }
  .quiet { color: var(--quiet); font-size: 0.875rem; }
`;

/** The page as one HTML document; everything that came from outside is escaped. */
export function page(messages: Shown[], binds: number): string {
  const list = messages.length > 0 ? messages.map(article).join('\n') : '<p>No SMS has arrived yet.</p>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="2">
<title>Hermod sandbox</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Hermod sandbox</h1>
<p class="quiet">A stand-in for SMSC and handset: nothing here leaves this machine. ${count(binds, 'bind')}.</p>
<main>
${list}
</main>
</body>
</html>
`;
}

function article(message: Shown): string {
  const { time, to, from, text, parts, partsArrived, encoding, messageIds, receipt, receiptState } = message;
  const arrived = partsArrived < parts ? `${partsArrived} of ${count(parts, 'part')}` : count(parts, 'part');
  const told = receipt === 'none' ? 'no receipt' : `receipt ${[receiptState, receipt].filter(Boolean).join(' ')}`;
  return `<article>
<p><strong>${escaped(to)}</strong> from ${escaped(from)} <time class="quiet" datetime="${time}">${clock(time)}</time></p>
<p class="text" dir="auto">${escaped(text)}</p>
<p class="quiet">${arrived}, ${encoding}, ${told}, id ${escaped(messageIds.join(' '))}</p>
</article>`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function clock(time: string): string {
  return `${time.slice(11, 19)} UTC`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
