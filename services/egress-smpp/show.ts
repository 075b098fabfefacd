// A submit_sm and its answer in words, for a person who tries the provider.
import type { PDU } from 'smpp';
import { hexLines } from '#shared/egress/dialogue.ts';
import { fieldsOf, statusName } from '#shared/smpp/library.ts';
import type { Answer } from './session.ts';

/** Its fields by their names in SMPP 3.4, 4.4.1, then its octets. */
export function pduLines(pdu: PDU): string[] {
  const octets = pdu.toBuffer();
  const fields = fieldsOf(pdu).map(([name, value]) => `  ${name} ${Buffer.isBuffer(value) ? hexOf(value) : value}`);
  return [
    `${pdu.command} sequence_number ${pdu.sequence_number}, ${octets.length} octets`,
    ...fields,
    ...hexLines(octets),
  ];
}

export function answerLines(answer: Answer, { sequence_number: sequence }: PDU): string[] {
  if (answer === 'lost') return [`no submit_sm_resp to sequence_number ${sequence}`];
  const { status, messageId } = answer;
  const hex = `0x${status.toString(16).padStart(8, '0')}`;
  const id = messageId === '' ? [] : [`  message_id ${messageId}`];
  return [`submit_sm_resp sequence_number ${sequence}`, `  command_status ${hex} ${statusName(status)}`, ...id];
}

const hexOf = (octets: Buffer) => octets.toString('hex') || '(empty)';
