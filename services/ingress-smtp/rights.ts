// Who may send what through the mail door: the rules that stand open to a connection.
import type { Client, Config, MailRule } from '#shared/config/schema.ts';
import type { Credentials } from '#shared/doors/credentials.ts';
import { networksOf } from '#shared/doors/networks.ts';
import { allRules } from './built-in.ts';

export type Rights = {
  /** Whether a client could log in from this address. */
  mayLogIn(address: string): boolean;
  /** The rules of the client that logged in; without a login those that are open to the address. */
  rulesOf(address: string, client: string | undefined): MailRule[];
};

export function openRights(config: Pick<Config, 'clients' | 'mail'>, credentials: Credentials): Rights {
  const clients = Object.entries(config.clients).map(([name, client]) => ({ name, client }));
  const rules = allRules(config).map((rule) => {
    const inNetworks = rule.networks ? networksOf(rule.networks) : () => false;
    const client = { name: rule.client, client: config.clients[rule.client]! };
    return { rule, isOpenTo: (address: string) => inNetworks(address) && credentials.allows(client, address) };
  });
  return {
    mayLogIn: (address) => clients.some((client) => credentials.allows(client, address)),
    rulesOf: (address, client) =>
      rules
        .filter(({ rule, isOpenTo }) => (client === undefined ? isOpenTo(address) : rule.client === client))
        .map(({ rule }) => rule),
  };
}

/** Whether the client's mails may have this envelope sender. Case does not matter. */
export function allowsSender({ mail }: Pick<Client, 'mail'>, from: string): boolean {
  if (!mail?.senders) return true;
  const address = from.toLowerCase();
  const domain = address.slice(address.lastIndexOf('@'));
  return mail.senders.some((one) => [address, domain].includes(one.toLowerCase()));
}
