// The audit log: who did what, from where, and how it ended. An entry goes to the ledger like every report, and nothing is
// done before the broker has confirmed its entry: whatever ends the process then, that it was tried is known.
import type { Bus } from './bus/bus.ts';
import { VERSION } from './messages/envelope.ts';
import { newId } from './messages/id.ts';
import type { AuditResult, ReportOf } from './messages/report.ts';
import { reasonOf } from './telemetry/log.ts';
import { toReport } from './topology.ts';

/** A person by name, and where they are: an address, or the machine whose terminal they use. */
export type Actor = { user: string; address: string };
/** `object` is a kind and a name, such as `provider main`. No text of a message and no full number belongs into any of them. */
export type Deed = { action: string; object?: string; detail?: string };

const PUBLISH_WITHIN_MS = 5_000;
const MOST = 500;

/** Does `work` once it is confirmed that it is tried, and writes down how it ended. Throws what `work` throws. */
export async function audited<T>(
  bus: Pick<Bus, 'publish'>,
  who: Actor,
  what: Deed,
  work: () => Promise<T>,
): Promise<T> {
  const entry = newId();
  await bus
    .publish(toReport('audit'), [entryOf(entry, 0, who, what, 'tried')], { withinMs: PUBLISH_WITHIN_MS })
    .catch((error) => {
      throw new Error(`nothing was done, since the audit log cannot be written: ${reasonOf(error)}`);
    });
  // What was done stays done when its end cannot be written down: the entry then says that it was tried.
  const ended = (result: AuditResult, detail = '') =>
    bus
      .publish(toReport('audit'), [entryOf(entry, 1, who, { ...what, detail }, result)], {
        withinMs: PUBLISH_WITHIN_MS,
      })
      .catch(() => {});
  try {
    const value = await work();
    await ended('done');
    return value;
  } catch (error) {
    await ended('failed', reasonOf(error));
    throw error;
  }
}

/** An entry of something that has its end already, such as a log-in. Resolves when the broker has it, however long that takes. */
export const auditEnded = (bus: Pick<Bus, 'publish'>, who: Actor, what: Deed, result: AuditResult): Promise<void> =>
  bus.publish(toReport('audit'), [entryOf(newId(), 0, who, what, result)]);

const entryOf = (
  entry: string,
  step: number,
  { user, address }: Actor,
  { action, object = '', detail = '' }: Deed,
  result: AuditResult,
): ReportOf<'audit'> => ({
  v: VERSION.report,
  type: 'report',
  kind: 'audit',
  at: Date.now(),
  entry,
  step,
  user,
  address,
  action,
  object,
  result,
  detail: detail.slice(0, MOST),
});
