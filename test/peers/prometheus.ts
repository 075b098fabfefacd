// A real Prometheus on loopback, with data in a folder of the test. Where it is missing it is installed from Debian, and
// its own service is not started.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../rig/port.ts';
import { until } from '../rig/until.ts';

const PROMETHEUS = '/usr/bin/prometheus';
const POLICY = '/usr/sbin/policy-rc.d';
const ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };

/** With a policy file that forbids starting services, unless the host has one; it goes again whatever happens. */
const INSTALL = `
if [ ! -e ${POLICY} ]; then
  trap 'rm -f ${POLICY}' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}
fi
install() { apt-get -o DPkg::Lock::Timeout=120 -y --no-install-recommends install prometheus; }
install || { apt-get update && install; }
status=$?
update-rc.d prometheus disable
exit $status
`;

export type Sample = { labels: Record<string, string>; value: number };
export type Alert = { name: string; state: string; labels: Record<string, string> };
export type Prometheus = {
  /** Series of an expression now. Rejects with Prometheus' own words when it is wrong. */
  query(expression: string): Promise<Sample[]>;
  alerts(): Promise<Alert[]>;
  stop(): Promise<void>;
};

/** Brings prometheus and promtool, both of Debian's package. */
export function requirePrometheus(): void {
  if (existsSync(PROMETHEUS)) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error('there is no Prometheus here, and it cannot be installed: install it for this test, or be root');
  const { status, stderr } = spawnSync('/bin/sh', ['-c', INSTALL], { env: ENV, encoding: 'utf8', stdio: 'pipe' });
  if (status !== 0 || !existsSync(PROMETHEUS))
    throw new Error(`Prometheus is missing and cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
}

/** Scrapes and evaluates every second. `jobs` are ports on loopback; `rules` is the text of a rules file. */
export async function startPrometheus(jobs: Record<string, number>, rules: string): Promise<Prometheus> {
  requirePrometheus();
  const dir = mkdtempSync(join(tmpdir(), 'hermod-prometheus-'));
  writeFileSync(join(dir, 'rules.yaml'), rules);
  const scrapes = Object.entries(jobs).map(([job, port]) => ({
    job_name: job,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  }));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: scrapes,
  };
  writeFileSync(join(dir, 'prometheus.yml'), stringify(config));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn(PROMETHEUS, args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  async function ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data;
  }
  await until('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(said);
    return (await fetch(`${url}/-/ready`)).ok;
  });
  return {
    async query(expression) {
      const data = await ask<{ resultType: string; result: never }>(`query?query=${encodeURIComponent(expression)}`);
      if (data.resultType === 'scalar') return [{ labels: {}, value: Number(data.result[1]) }];
      const series: { metric: Record<string, string>; value: [number, string] }[] = data.result;
      return series.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async alerts() {
      type Found = { labels: Record<string, string>; state: string };
      const { alerts } = await ask<{ alerts: Found[] }>('alerts');
      return alerts.map(({ labels, state }) => ({ name: labels.alertname!, state, labels }));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
