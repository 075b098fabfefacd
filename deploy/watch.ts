// One look at the gateway on this server, for those without Prometheus: asks each process whether it is ready, reads its
// metrics, and tells by webhook or mail what began or ended to be wrong since the last look. Run every minute by
// deploy/systemd/hermod-watch.timer.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createTransport } from 'nodemailer';

/** The one-box runner's processes. */
const PORTS = ['9464', '9465'];
const ASK_WITHIN_MS = 5_000;
const CERTIFICATE_DAYS = 14;

type State = { troubles: string[]; dead: number };
type Series = { name: string; labels: string; value: number };

const { values } = parseArgs({
  options: {
    state: { type: 'string', default: 'watch.json' },
    port: { type: 'string', multiple: true, default: PORTS },
  },
});
const before: State = existsSync(values.state)
  ? JSON.parse(readFileSync(values.state, 'utf8'))
  : { troubles: [], dead: 0 };
const now = await look(values.port, before);
const began = now.troubles.filter((trouble) => !before.troubles.includes(trouble));
const ended = before.troubles.filter((trouble) => !now.troubles.includes(trouble));
if (began.length + ended.length > 0) await tell(began, ended);
// Only what was told counts as known: if that failed, it is tried again at the next look.
writeFileSync(values.state, JSON.stringify(now), { mode: 0o600 });

async function look(ports: string[], last: State): Promise<State> {
  const troubles: string[] = [];
  const series: Series[] = [];
  for (const port of ports) {
    try {
      const ready = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
      const reason = (await ready.text()).trim();
      if (!ready.ok) troubles.push(`not ready: ${reason}`);
      const metrics = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
      series.push(...seriesIn(await metrics.text()));
    } catch {
      troubles.push(`nothing answers on port ${port}`);
    }
  }
  for (const { name, labels, value } of series) {
    if (name === 'hermod_binds_held' && value === 0) troubles.push(`nobody is bound at ${labels}`);
    if (name === 'hermod_modem_registered' && value === 0) troubles.push(`no network has the SIM of ${labels}`);
    if (
      name === 'hermod_certificate_expiry_timestamp_seconds' &&
      value - Date.now() / 1_000 < CERTIFICATE_DAYS * 86_400
    )
      troubles.push(`the certificate of ${labels} ends within ${CERTIFICATE_DAYS} days`);
  }
  const dead = series
    .filter(({ name }) => name === 'hermod_dead_messages_total')
    .reduce((n, { value }) => n + value, 0);
  if (dead > last.dead) troubles.push(`${dead - last.dead} more dead letters: hermod dead list`);
  return { troubles, dead };
}

/** Prometheus' text format: `name{label="value"} number`, of which the label's value is what a person wants. */
function seriesIn(text: string): Series[] {
  return [...text.matchAll(/^(hermod_\w+)(?:\{([^}]*)\})? (\S+)$/gm)].map(([, name, labels = '', value]) => ({
    name: name!,
    labels: /^\w+="([^"]*)"$/.exec(labels)?.[1] ?? labels,
    value: Number(value),
  }));
}

async function tell(began: string[], ended: string[]): Promise<void> {
  const { HERMOD_ALERT_WEBHOOK: webhook, HERMOD_ALERT_MAIL: to, HERMOD_ALERT_SMTP: smtp } = process.env;
  const lines = [...began.map((trouble) => `Wrong: ${trouble}`), ...ended.map((trouble) => `Fine again: ${trouble}`)];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (webhook) {
    const answer = await fetch(webhook, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: lines.join('\n'), began, ended }),
      signal: AbortSignal.timeout(ASK_WITHIN_MS),
    });
    if (!answer.ok) throw new Error(`HERMOD_ALERT_WEBHOOK answered ${answer.status}`);
  }
  if (to) {
    const subject = began.length > 0 ? `Hermod: ${began[0]}` : 'Hermod: fine again';
    await createTransport(smtp ?? 'smtp://127.0.0.1:25').sendMail({ from: to, to, subject, text: lines.join('\n') });
  }
}
