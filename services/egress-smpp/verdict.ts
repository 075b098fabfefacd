// What a command_status in submit_sm_resp means for the message. SMPP 3.4, section 5.1.3; statuses that are not listed
// are permanent at this provider, so that the next one on the route is asked.
import type { Outcome } from '#shared/outcome.ts';
import { STATUS, statusName } from '#shared/smpp/library.ts';

const names = (...list: string[]) => new Set(list.map((name) => STATUS[name]!));

const THROTTLED = names('RTHROTTLED', 'RMSGQFUL');
const TRANSIENT = names('RSYSERR', 'RX_T_APPN', 'RINVBNDSTS', 'RBINDFAIL');
/** The number or the content is wrong: no other provider would take it. */
const MESSAGE = names('RINVDSTADR', 'RINVMSGLEN', 'RINVDSTTON', 'RINVDSTNPI', 'RX_R_APPN', 'RX_P_APPN');

/** For a status other than 0. */
export function verdict(status: number): Exclude<Outcome, { kind: 'done' }> {
  const reason = statusName(status);
  if (THROTTLED.has(status)) return { kind: 'throttled', reason };
  if (TRANSIENT.has(status)) return { kind: 'retry', reason };
  return { kind: 'refused', reason, scope: MESSAGE.has(status) ? 'message' : 'provider', code: status };
}
