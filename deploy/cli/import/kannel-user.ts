// Kannel's sendsms-user as the row of a client.
import type { Draft, Row } from './draft.ts';
import { rateOf } from './kannel-smsc.ts';
import type { Settings } from './settings.ts';

/** `sender` is the global one. */
export function userRow(draft: Draft, settings: Settings, sender: string | undefined): { name: string; row: Row } {
  const name = settings.text('username', "the client's name") ?? settings.fail('username', 'missing');
  const smsc = settings.text('forced-smsc');
  const provider = smsc === undefined ? undefined : draft.providerOf(smsc);
  if (smsc !== undefined && provider === undefined)
    settings.dropped('forced-smsc', 'no SMS centre that has a row has this smsc-id');
  if (provider !== undefined) settings.taken('forced-smsc', 'forcedSmsc');
  const row = {
    password:
      settings.secret('password', 'password') ??
      settings.fail('password', 'missing: a client without a password cannot log in'),
    networks: networksOf(settings),
    sender: settings.text('default-sender', 'sender') ?? sender,
    forcedSender: settings.text('faked-sender', 'forcedSender'),
    forcedSmsc: provider,
    maxSegments: settings.number('max-messages', 'maxSegments; a longer text is refused, not cut'),
    rate: rateOf(settings),
    allowedPrefixes: prefixes(settings, 'allowed-prefix', 'allowedPrefixes'),
    deniedPrefixes: prefixes(settings, 'denied-prefix', 'deniedPrefixes'),
  };
  const why: Record<string, string> = {
    concatenation: 'long texts go as one SMS in parts always',
    'omit-empty': 'an empty text is refused',
    'dlr-url': 'requests name dlr-url and dlr-mask',
    'white-list': 'write the numbers into the list whiteList',
    'black-list': 'write the numbers into the list blackList',
  };
  for (const [key, words] of Object.entries(why)) if (settings.has(key)) settings.dropped(key, words);
  return { name, row };
}

function prefixes(settings: Settings, key: string, into: string): string[] | undefined {
  const given = settings.text(key);
  if (given === undefined) return undefined;
  settings.taken(key, into);
  return given.split(';').map((one) => one.trim());
}

/** In Kannel `user-allow-ip` lists exceptions of `user-deny-ip`, and does nothing alone. */
function networksOf(settings: Settings): string[] | undefined {
  const [allow, deny] = ['user-allow-ip', 'user-deny-ip'].map((key) =>
    settings
      .text(key)
      ?.split(';')
      .map((one) => one.trim()),
  );
  if (!deny) {
    if (allow)
      settings.warn(
        'user-allow-ip',
        'without user-deny-ip Kannel lets everyone in, and so does this row: set networks',
      );
    return undefined;
  }
  if (!deny.includes('*.*.*.*') && !deny.includes('*')) {
    settings.dropped('user-deny-ip', 'networks names who may call, not who may not');
    return allow?.map((one) => networkOf(settings, one));
  }
  if (!allow) return settings.fail('user-deny-ip', 'it denies every address: leave the user out');
  settings.taken('user-deny-ip', 'networks: nobody else may call');
  settings.taken('user-allow-ip', 'networks');
  return allow.map((one) => networkOf(settings, one));
}

/** `192.168.*.*` → 192.168.0.0/16. */
function networkOf(settings: Settings, pattern: string): string {
  const [, digits = '', stars] = /^((?:\d{1,3}\.)*(?:\d{1,3})?)((?:\.?\*)*)$/.exec(pattern) ?? [];
  const octets = digits.split('.').filter((one) => one !== '');
  const all = octets.length + (stars?.split('*').length ?? 1) - 1;
  if (stars === undefined || all !== 4) {
    if (/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(pattern)) return pattern;
    return settings.fail('user-allow-ip', 'addresses belong here, with stars at the end only, such as 192.168.*.*');
  }
  if (octets.length === 4) return octets.join('.');
  return `${[...octets, ...Array.from({ length: 4 - octets.length }, () => '0')].join('.')}/${octets.length * 8}`;
}
