// The configuration that `npm start` writes when there is none: one client with a generated password, and the sandbox.
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const secret = (length: number) => Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');

const text = () => `# yaml-language-server: $schema=../deploy/config/gateway.schema.json
# Hermod's configuration. \`npm run hermod -- check\` checks it; every setting is described by
# \`npm run hermod -- check --schema\`. Secrets can come from the environment as \${NAME} or from a file as \${file:path}.

listen:
  console: {} # http://127.0.0.1:2781/ for people with a browser; who may use it stands in deploy/docs/console.md

clients:
  demo:
    password: ${secret(16)} # plain text is for this sandbox only: \`npm run hermod -- password\` makes a hash
    sender: "12345"
    networks: [127.0.0.1, "::1"]

providers:
  sandbox: # an SMSC inside Hermod, for first steps: nothing leaves this machine
    bearer: smpp
    host: 127.0.0.1
    port: 2775
    systemId: hermod
    password: ${secret(8)}

routes:
  - to: [sandbox]

callbacks:
  allow: [127.0.0.0/8, "::1", localhost] # where a dlr-url may point to beside public addresses

sandbox: # remove this section, and the provider above, when you add a real provider
  port: 2775
  page: 2780
`;

/** Writes the first configuration unless the file exists. Returns whether it did. */
export function writeFirstConfig(file: string): boolean {
  if (existsSync(file)) return false;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text(), { mode: 0o600, flag: 'wx' });
  return true;
}
