// The console's own files: plain ES modules, read once at the start. Every page is the same document.
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const DIR = join(import.meta.dirname, 'public');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const PAGES = [
  ...['/', '/messages', '/messages/:id', '/providers', '/queues', '/clients', '/numbers'],
  ...['/configuration', '/audit', '/account'],
];

export function addAssets(app: FastifyInstance): void {
  for (const name of globSync('**/*.{html,js,css,svg}', { cwd: DIR })) {
    const content = readFileSync(join(DIR, name));
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    const send = (request: FastifyRequest, reply: FastifyReply) => {
      // Asked for each time, sent when it changed: a new version is whole at once.
      reply.headers({ etag, 'cache-control': 'no-cache', 'content-type': TYPES[extname(name)]! });
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(content);
    };
    if (name === 'index.html') for (const page of PAGES) app.get(page, send);
    else app.get(`/assets/${name}`, send);
  }
}
