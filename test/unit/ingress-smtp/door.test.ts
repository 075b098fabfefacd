// The SMTP side of the mail door on real sockets, without a broker: what it does with a mail is the test's to say.
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { openLog } from '#shared/telemetry/log.ts';
import { type DoorOptions, MailDoor } from '../../../services/ingress-smtp/door.ts';
import { type Listening, listenersOf } from '../../../services/ingress-smtp/listeners.ts';
import type { Arrived } from '../../../services/ingress-smtp/take.ts';
import { clientOn, open } from '../../peers/smtp-client.ts';
import { newAuthority } from '../../rig/certificates.ts';
import { configOf, GUIDE_MAIL, guideYaml } from './guide.ts';

const authority = newAuthority();
const trust = { ca: authority.ca, servername: 'localhost' };
const byLogin = guideYaml().replace('      networks: [127.0.0.0/8]\n', '');
const log = openLog('test');
log.level = 'silent';

let door: MailDoor | undefined;
afterEach(async () => {
  await door?.stop();
  door = undefined;
});

type Start = { yaml?: string; listen?: string; more?: Partial<DoorOptions> };
async function start({ yaml = guideYaml(), listen = 'smtp: { port: 0 }', more = {} }: Start): Promise<number> {
  const config = configOf(`${yaml}\nlisten:\n  ${listen}\n`);
  const [{ listener, files }] = listenersOf(config.listen) as [Listening];
  door = new MailDoor({
    config,
    listener,
    tls: files && authority.issue('localhost'),
    log,
    isOpen: () => true,
    take: async () => '2.6.0 taken',
    ...more,
  });
  return door.listen();
}
const encode = (text: string) => Buffer.from(text).toString('base64');

test('AUTH LOGIN in clear text, where the configuration says so', async () => {
  const arrived: Arrived[] = [];
  const port = await start({
    yaml: byLogin,
    listen: 'smtp: { port: 0, auth: clear }',
    more: {
      take: async (mail) => {
        arrived.push(mail);
        return '2.6.0 taken';
      },
    },
  });
  const client = await open(port);
  expect(await client.say('MAIL FROM:<a@b>')).toMatchObject({ code: 530 });
  await client.say('AUTH LOGIN');
  await client.say(encode('ise'));
  expect(await client.say(encode('guest-portal'))).toMatchObject({ code: 235 });
  expect(await client.mail('', ['sms@x'], GUIDE_MAIL)).toEqual({ code: 250, text: '2.6.0 taken' });
  expect(arrived[0]).toMatchObject({ envelope: { from: '', recipients: ['sms@x'] }, address: '127.0.0.1' });
  expect(arrived[0]!.octets.toString()).toBe(`${GUIDE_MAIL}\r\n`);
  client.close();
});

test('TLS from the first octet', async () => {
  const port = await start({ yaml: byLogin, listen: 'smtps: { port: 0, tls: { cert: a, key: b } }' });
  const client = clientOn(connectTls({ port, host: '127.0.0.1', ...trust }));
  expect(await client.reply()).toMatchObject({ code: 220 });
  const { text } = await client.say('EHLO test');
  expect(text).toMatch(/AUTH PLAIN LOGIN/);
  expect(text).not.toMatch(/STARTTLS/);
  expect(await client.say(`AUTH PLAIN ${encode('\0ise\0guest-portal')}`)).toMatchObject({ code: 235 });
  client.close();
});

test('offers neither AUTH nor STARTTLS where there is none, and none of the commands that smtp-server has for play', async () => {
  const client = await open(await start({}));
  expect((await client.say('EHLO test')).text).not.toMatch(/AUTH|STARTTLS|XCLIENT|XFORWARD/);
  for (const command of [
    'AUTH LOGIN',
    'STARTTLS',
    'WIZ x',
    'SHELL',
    'XCLIENT ADDR=10.0.0.1',
    'XFORWARD ADDR=10.0.0.1',
  ]) {
    expect(await client.say(command), command).toMatchObject({ code: 500 });
  }
  client.close();
});

test('a fault of this program is a temporary refusal, and says nothing of itself', async () => {
  const take = async () => {
    throw new Error('a secret of the house');
  };
  const client = await open(await start({ more: { take } }));
  expect(await client.mail('a@b', ['sms@x'], GUIDE_MAIL)).toEqual({
    code: 451,
    text: '4.3.0 a fault of the gateway, see its log',
  });
  client.close();
});

test('takes no mail while the broker is away, and says so before the data', async () => {
  const client = await open(await start({ more: { isOpen: () => false } }));
  expect(await client.say('MAIL FROM:<a@b>')).toMatchObject({ code: 451, text: expect.stringMatching(/^4\.3\.0 /) });
  client.close();
});

test('at its end it answers the mail that is being taken, and tells the others to come again', async () => {
  let finish = () => {};
  const taking = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let begun = () => {};
  const began = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const take = async () => {
    begun();
    await taking;
    return '2.6.0 taken';
  };
  const port = await start({ more: { take } });
  const idle = await open(port);
  const halfWay = await open(port);
  await halfWay.envelope('a@b', ['sms@x']);
  halfWay.write('Subject: half');
  const busy = await open(port);
  const answer = busy.mail('a@b', ['sms@x'], GUIDE_MAIL);
  await began;
  const stopped = door!.stop();
  expect(await idle.reply()).toMatchObject({ code: 421, text: expect.stringMatching(/^4\.3\.2 /) });
  expect(await halfWay.reply()).toMatchObject({ code: 421 });
  finish();
  expect(await answer).toEqual({ code: 250, text: '2.6.0 taken' });
  busy.close();
  await stopped;
  await expect(open(port)).rejects.toThrow(/ECONNREFUSED/);
  door = undefined;
});
