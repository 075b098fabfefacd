// LinOTP's policies `sms_provider=A,B`: routes here. A policy that would catch more as a route than it did is left out.
import type { Draft, Place, Row } from './draft.ts';

export type Policy = { name: string; place: Place; values: Row };

export const isPolicy = (values: Row) => typeof values.scope === 'string' && typeof values.action === 'string';

const PLAIN_NETWORK = /^[0-9a-fA-F.:]+(\/\d{1,3})?$/;
const listOf = (value: unknown) =>
  String(value ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

export function routesOf(draft: Draft, policies: readonly Policy[]): Row[] {
  return policies.flatMap((policy) => {
    const { place, values } = policy;
    const leave = (why: string): [] => {
      draft.note(place, 'left out', `policy ${policy.name.slice(0, 60)}: ${why}`);
      return [];
    };
    if (values.scope !== 'authentication') return leave('its scope is not authentication');
    if (/^(false|0|no)$/i.test(String(values.active ?? 'true'))) return leave('it is not active');
    const wanted = providersIn(draft, String(values.action ?? ''));
    if (wanted === undefined) return leave('its action has no sms_provider');
    const to = wanted.flatMap((name) => draft.providerOf(name) ?? []);
    for (const name of wanted.filter((one) => draft.providerOf(one) === undefined))
      draft.note(place, 'warning', `policy ${policy.name.slice(0, 60)}: no file has the provider ${name.slice(0, 60)}`);
    if (to.length === 0) return leave('none of its providers is here');
    const when = conditionsOf(draft, policy);
    if (typeof when === 'string') return leave(when);
    draft.note(place, 'taken', `policy ${policy.name.slice(0, 60)} is a route to ${to.join(', then ')}`);
    return [{ ...(Object.keys(when).length > 0 ? { when } : {}), to }];
  });
}

/** The providers of `sms_provider=A,B`, whose list ends where another action begins. */
function providersIn(draft: Draft, action: string): string[] | undefined {
  const [, quoted, plain] =
    /(?:^|[\s,])sms_provider\s*=\s*(?:["']([^"']*)["']|([^=]*?)\s*(?:,\s*\w+\s*=|$))/.exec(action) ?? [];
  if (quoted === undefined && plain === undefined) return undefined;
  const names = (quoted ?? plain!).split(/[\s,]+/).filter((one) => one !== '');
  // An action without a value may stand behind the list.
  return names.filter((name, i) => i === 0 || draft.providerOf(name) !== undefined || !/^[a-z]+(_[a-z]+)+$/.test(name));
}

/** The route's conditions, or why there is none. */
function conditionsOf(draft: Draft, { place, name, values }: Policy): Row | string {
  const when: Row = {};
  const note = (verdict: 'changed' | 'left out', what: string) =>
    draft.note(place, verdict, `policy ${name.slice(0, 60)}: ${what}`);
  const users = listOf(values.user);
  const resolvers = users.filter((one) => one.includes(':'));
  if (resolvers.length > 0)
    note(
      'left out',
      `user names resolvers (${resolvers.join(', ').slice(0, 100)}): a gateway does not know who is in them`,
    );
  const people = users.filter((one) => !one.includes(':') && one !== '*');
  if (people.some((one) => /^[!-]|[*?]/.test(one)))
    return 'its user has an exclusion or a pattern: write the route by hand';
  if (resolvers.length > 0 && people.length === 0 && !users.includes('*'))
    return 'with nothing but resolvers as user it would take everyone';
  const realms = listOf(values.realm);
  if (realms.some((one) => /^[!-]/.test(one))) return 'its realm has an exclusion: write the route by hand';
  const clients = listOf(values.client);
  if (clients.some((one) => one !== '*' && one !== '0.0.0.0/0' && !PLAIN_NETWORK.test(one)))
    return 'its client is no list of addresses and networks: write the route by hand';
  const any = (list: string[], all: readonly string[]) => list.length === 0 || list.some((one) => all.includes(one));
  if (!any(users, ['*'])) when.user = people;
  if (!any(realms, ['*'])) when.realm = realms;
  if (when.user || when.realm) note('changed', 'user and realm count where LinOTP names them in x-user and x-realm');
  if (!any(clients, ['*', '0.0.0.0/0'])) {
    when.address = clients;
    note(
      'changed',
      'client is the address from which the request comes to Hermod: of LinOTP itself, or of who stands before it',
    );
  }
  if (values.time && values.time !== '* * * * * *;' && values.time !== '*')
    note('left out', 'time: write the route’s time by hand');
  return when;
}
