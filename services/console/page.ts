// A page without a script, for what a browser comes to from elsewhere.
import type { FastifyReply } from 'fastify';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (c) => ESCAPES[c]!);

export const page = (reply: FastifyReply, title: string, text: string) =>
  reply.type('text/html; charset=utf-8').send(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)} – Hermod</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/console.css">
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="notice bad">${escaped(text)}</p>
<p><a href="/">Back to the log-in</a></p>
</main>
</body>
</html>
`);
