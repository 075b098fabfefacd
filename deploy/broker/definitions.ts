// Users of the broker in the form that RabbitMQ imports (`rabbitmqctl import_definitions`): one for each service with its
// rights, and `hermod` for set-up and the command line, who may do everything in this virtual host.
import { createHash, randomBytes } from 'node:crypto';
import type { Rights } from './rights.ts';

/** The user of `hermod setup` and the other commands. */
export const ADMINISTRATOR = 'hermod';
const EVERYTHING: Rights = { configure: '.*', write: '.*', read: '.*' };
const HASHING = 'rabbit_password_hashing_sha256';

export type Definitions = {
  vhosts: { name: string }[];
  users: { name: string; password_hash: string; hashing_algorithm: string; tags: string[] }[];
  permissions: (Rights & { user: string; vhost: string })[];
};

/** https://www.rabbitmq.com/docs/passwords#this-is-the-algorithm: four octets of salt, then SHA-256 of salt and password. */
export function passwordHash(password: string, salt = randomBytes(4)): string {
  const digest = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, digest]).toString('base64');
}

/** `passwords` by user; every service of `rights` and the administrator must have one. */
export function definitionsOf(
  rights: ReadonlyMap<string, Rights>,
  passwords: ReadonlyMap<string, string>,
  vhost: string,
): Definitions {
  const all = [...rights, [ADMINISTRATOR, EVERYTHING] as const];
  return {
    vhosts: [{ name: vhost }],
    users: all.map(([name]) => ({
      name,
      password_hash: passwordHash(passwords.get(name)!),
      hashing_algorithm: HASHING,
      tags: [],
    })),
    permissions: all.map(([user, each]) => ({ user, vhost, ...each })),
  };
}
