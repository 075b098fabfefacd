// The row of a modem, and the page about it: what an admin copies from there is a configuration.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../../deploy/docs/modem.md'), 'utf8');
const MAIN = 'providers:\n  main: { bearer: smpp, host: smsc.example.net, systemId: acme }\n';
const row = (...lines: string[]) =>
  parseConfig(`providers:\n  stick:\n    bearer: modem\n    ${lines.join('\n    ')}\n`, 'gateway.yaml', {}).providers
    .stick;

test('every configuration on the page is one', () => {
  const blocks = [...PAGE.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]!);
  expect(blocks).toHaveLength(2);
  for (const block of blocks) parseConfig(block.replace('providers:\n', MAIN), 'modem.md', { SIM_PIN: '1234' });
});

test('what is not set', () => {
  expect(row('device: /dev/ttyUSB0')).toMatchObject({
    binds: 1,
    window: 1,
    modemType: 'auto',
    receipts: 'asked',
    onUnknown: 'resend',
    submitTimeout: 20_000,
  });
});

test("the SIM's number is the sender of everything, but for what senders say", () => {
  const senders = (...lines: string[]) => row('device: /dev/ttyUSB0', ...lines)?.senders;
  expect(senders('myNumber: "+4917"')).toEqual({ '*': '+4917' });
  expect(senders('myNumber: "+4917"', 'senders: { ISE: "12345" }')).toEqual({ '*': '+4917', ISE: '12345' });
  expect(senders()).toBeUndefined();
});

test.each([
  [['pin: "1234"'], 'one of device, imei or gnokii says where the modem is'],
  [['device: /dev/ttyUSB0', 'imei: "490154203237518"'], 'one of device, imei or gnokii'],
  [['device: ttyUSB0'], 'a path, such as /dev/serial/by-id'],
  [['device: /dev/ttyUSB0', 'binds: 2'], 'a modem does one thing at a time'],
  [['device: /dev/ttyUSB0', 'modemtype: auto'], 'do you mean modemType?'],
  [['device: /dev/ttyUSB0', 'pin: "12"'], 'the 4 to 8 digits of the SIM'],
])('%j', (lines, message) => {
  expect(() => row(...lines)).toThrow(message);
});
