// Kannel's admin port, as a check that was written for bearerbox 1.4.5 sees it.
import { readFileSync, writeFileSync } from 'node:fs';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../rig/port.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

let rig: Rig;
let port: number;
beforeAll(async () => {
  port = await freePort();
  rig = await startRig({
    settings: (standard) => ({
      ...standard,
      listen: { ...standard.listen, kannelAdmin: { port, password: 'adm1n', statusPassword: 'look' } },
      clients: { tester: { password: 'foobar', sender: '12345', blackList: ['447700900666'] } },
    }),
  });
});
afterAll(() => rig?.stop());

const ask = async (command: string) => {
  const answer = await fetch(`http://127.0.0.1:${port}/${command}`);
  expect(answer.status).toBe(200);
  return answer.text();
};
const admin = (command: string, more = '') => ask(`${command}?password=adm1n${more}`);
const smsc = async () => {
  const parsed = new XMLParser().parse(await ask('status.xml?password=look'));
  return parsed.gateway.smscs.smsc as { id: string; status: string; sms: { sent: number }; queued: number };
};

describe('who may ask', () => {
  test.each(['status', 'status.txt?password=x', 'suspend?password=look', 'store-status', 'nonsense'])(
    'not %s',
    async (command) => {
      expect(await ask(command)).toBe('Denied');
    },
  );
  test('what there is, is told to who may ask', async () => {
    expect(await admin('nonsense')).toMatch(/^Unknown command `\/nonsense'\.\nPossible commands are:\nstatus\n/);
  });
});

describe('status', () => {
  test('as text', async () => {
    expect((await rig.send({ to: '447700900001', text: 'one' })).status).toBe(202);
    await until('it is counted', async () =>
      /, sent 1 \(0 queued\)[\s\S]* sent: sms 1 [\s\S]* queued 0 msgs/.test(await ask('status?password=look')),
    );
    const text = await ask('status.txt?password=look');
    expect(text).toMatch(/version `1\.4\.5'\.\n\n\nStatus: running, uptime 0d 0h \d+m \d+s\n\nWDP: received 0 /);
    expect(text).toMatch(/\n\nSMS: received 0 \(0 queued\), sent 1 \(0 queued\), store size 0\nSMS: inbound \(/);
    expect(text).toMatch(/\n\nBox connections:\n {4}smsbox:hermod, IP 127\.0\.0\.1 \(0 queued\), \(on-line 0d /);
    expect(text).toMatch(
      /\nSMSC connections:\n {4}sandbox\[sandbox\] {4}SMPP:127\.0\.0\.1:\d+\/0:hermod: \(online \d+s, rcvd: sms 0 \(0\.00,0\.00,0\.00\) \/ dlr 0 \(.*\), sent: sms 1 \(\d+\.\d\d,.*failed 0, queued 0 msgs\)\n/,
    );
  });

  test('as XML and HTML', async () => {
    expect(await ask('status.xml?password=look')).toMatch(/^<\?xml version="1\.0"\?>\n<gateway>\n<version>/);
    const { id, status, sms } = await smsc();
    expect({ id, sent: sms.sent }).toEqual({ id: 'sandbox', sent: 1 });
    expect(status).toMatch(/^online \d+s$/);
    expect(await ask('status.html?password=look')).toContain('<p>SMSC connections:<br>');
  });

  test('of the store: nothing of a text or a number', async () => {
    expect(await ask('store-status.txt?password=look')).toMatch(/^\[SMS ID\] \[Type\] \[Time\]/);
    expect(await ask('store-status.xml?password=look')).toBe('<?xml version="1.0"?>\n<gateway>\n</gateway>\n');
  });
});

describe('commands', () => {
  test('a link is shut down and started again', async () => {
    expect(await admin('stop-smsc')).toBe('SMSC id not given');
    expect(await admin('stop-smsc', '&smsc=nope')).toBe("Could not shut down smsc-id `nope'");
    expect(await admin('stop-smsc', '&smsc=sandbox')).toBe("SMSC `sandbox' shut down");
    await until('it is dead', async () => (await smsc()).status === 'dead');
    expect(await admin('stop-smsc', '&smsc=sandbox')).toBe("Could not shut down smsc-id `sandbox'");
    const { status, ids } = await rig.send({ to: '447700900002', text: 'waits' });
    expect(status).toBe(202);
    expect(await admin('start-smsc', '&smsc=sandbox')).toBe("SMSC `sandbox' re-started");
    expect(await admin('start-smsc', '&smsc=sandbox')).toBe("Could not re-start smsc-id `sandbox'");
    await rig.final(ids[0]!);
    await until('it is online', async () => (await smsc()).status.startsWith('online'));
  });

  test('suspend, isolate and resume', async () => {
    expect(await admin('suspend')).toBe('Kannel suspended');
    expect(await admin('suspend')).toBe('Already suspended');
    await until('it says so', async () => /Status: suspended,/.test(await admin('status')));
    expect(await admin('isolate.xml')).toBe(
      '<?xml version="1.0"?>\n<gateway>\nKannel isolated from message providers</gateway>\n',
    );
    expect(await admin('resume')).toBe('Running resumed');
    expect(await admin('resume')).toBe('Already running');
    await until('it runs', async () => /Status: running,/.test(await admin('status')));
  });

  test('log-level', async () => {
    expect(await admin('log-level')).toBe('New level not given');
    expect(await admin('log-level', '&level=4')).toBe('log-level set to 4');
  });

  test('reload-lists reads the lists anew, and a wrong file changes nothing', async () => {
    const written = readFileSync(rig.configFile, 'utf8');
    expect((await rig.send({ to: '447700900666', text: 'x' })).status).toBe(400);
    writeFileSync(rig.configFile, written.replace('447700900666', '447700900667'));
    expect(await admin('reload-lists')).toBe('Black/white lists re-loaded');
    expect((await rig.send({ to: '447700900666', text: 'x' })).status).toBe(202);
    expect((await rig.send({ to: '447700900667', text: 'x' })).status).toBe(400);
    writeFileSync(rig.configFile, 'nonsense: true\n');
    expect(await admin('reload-lists')).toMatch(/^Lists not re-loaded: .*nonsense: no such setting/);
    expect((await rig.send({ to: '447700900667', text: 'x' })).status).toBe(400);
  });
});

test('guessing ends', async () => {
  for (let i = 0; i < 12; i++) expect(await ask(`suspend?password=guess-${i}`)).toBe('Denied');
  expect(await admin('suspend')).toBe('Denied');
});
