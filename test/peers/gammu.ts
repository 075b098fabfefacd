// An independent reader and writer of PDUs: libgammu from Debian, through its Python module. Where it is missing it is
// installed; it starts nothing.
import { spawnSync } from 'node:child_process';
import { requireDebian } from './debian.ts';

const PYTHON = '/usr/bin/python3';
/** A file of the package that is named alike for every version of Python. */
const MODULE = '/usr/lib/python3/dist-packages/gammu/__init__.py';
const ENV = { ...process.env, LC_ALL: 'C.UTF-8' };

export type GammuSms = {
  type: 'Submit' | 'Deliver' | 'Status_Report';
  number: string;
  smsc: string;
  text: string;
  coding: string;
  class: number;
  reference: number;
  concat: { reference: number; total: number; part: number } | null;
  /** Epoch ms of the service centre's time stamp, where gammu reads one. */
  at: number | null;
  status: number;
};

/** The module counts an extension character twice, and so gives what stands in memory behind the text's NUL. */
const DECODE = `
import gammu, json, sys
def one(pdu):
    sms = gammu.DecodePDU(bytes.fromhex(pdu))
    udh = sms['UDH']
    parts = udh['AllParts']
    text = sms['Text']
    return {
        'type': sms['Type'], 'number': sms['Number'], 'smsc': sms['SMSC']['Number'], 'class': sms['Class'],
        'text': text.decode('latin1') if isinstance(text, bytes) else text.split(chr(0))[0], 'coding': sms['Coding'],
        'reference': sms['MessageReference'], 'status': sms['DeliveryStatus'],
        'at': None if sms['DateTime'] is None else sms['DateTime'].isoformat(),
        'concat': {'reference': udh['ID8bit'] if udh['ID16bit'] < 1 else udh['ID16bit'], 'total': parts, 'part': udh['PartNumber']} if parts > 0 else None,
    }
json.dump([one(pdu) for pdu in json.load(sys.stdin)], sys.stdout)
`;

/** libgammu wants every field of a message: those of one that it has read itself. */
const ENCODE = `
import gammu, json, sys
base = gammu.DecodePDU(bytes.fromhex('0791947106004034040C9194711032547600006211121262230005C8329BFD06'))
def one(sms):
    header = bytes.fromhex(sms['header'])
    udh = {'Type': 'UserUDH' if header else 'NoUDH', 'Text': header, 'ID8bit': -1, 'ID16bit': -1, 'PartNumber': -1, 'AllParts': -1}
    base.update({'Text': sms['text'], 'Number': sms['number'], 'Coding': sms['coding'], 'UDH': udh})
    return gammu.EncodePDU(base, 'Deliver').hex()
json.dump([one(sms) for sms in json.load(sys.stdin)], sys.stdout)
`;

function run<T>(script: string, input: unknown): T {
  requireDebian('python3-gammu', MODULE);
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', script], {
    env: ENV,
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 64 * 1_048_576,
  });
  if (status !== 0) throw new Error(`gammu: ${stderr.trim().split('\n').at(-1)}`);
  return JSON.parse(stdout) as T;
}

/** PDUs in hex, with the service centre's address in front. */
export const gammuReads = (pdus: readonly string[]): GammuSms[] => run(DECODE, pdus);

export type Told = {
  number: string;
  text: string;
  coding: 'Default_No_Compression' | 'Unicode_No_Compression';
  /** User data header in hex, its length first. */
  header: string;
};

/** SMS-DELIVER in hex of what gammu is told, sent on 21 November 2026 at 21:26:32 in its zone. */
export const gammuWrites = (messages: readonly Told[]): string[] => run(ENCODE, messages);
