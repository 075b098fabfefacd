// What is written down about running Hermod agrees with the code: dashboards, alerts, metrics, compose, pages.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#shared/config/load.ts';
import { registry } from '#shared/telemetry/metrics.ts';
import { BOARDS } from '../../deploy/grafana/dashboards.ts';
import { written } from '../../deploy/grafana/write.ts';
import { SERVICES } from '../../deploy/services.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
// biome-ignore lint/suspicious/noExplicitAny: YAML of other programs
const yaml = (file: string): any => parse(read(file), { merge: true });

test('dashboards, PrometheusRule and the table of metrics are as `node deploy/grafana/write.ts` writes them', async () => {
  for (const [file, text] of await written())
    expect(existsSync(join(ROOT, file)) && read(file) === text, `${file}: run node deploy/grafana/write.ts`).toBe(true);
  expect(read('deploy/docs/metrics.md')).toContain('| `hermod_accepted_messages_total` | counter | `door`, `client` |');
});

test('every metric has base units, and labels of few values', () => {
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  for (const name of names.filter((each) => each.startsWith('hermod_'))) expect(name).toMatch(/^hermod_[a-z_]+$/);
  const table = read('deploy/docs/metrics.md');
  for (const label of table.matchAll(/\| `hermod_\w+` \| \w+ \| ([^|]*) \|/g))
    expect(label[1]).not.toMatch(/number|message_id|recipient|`to`|`from`|address/);
});

describe('dashboards and alerts', () => {
  const rules = yaml('deploy/prometheus/alerts.yaml').groups.flatMap((group: { rules: object[] }) => group.rules);
  const expressions: string[] = [
    ...BOARDS.flatMap(({ panels }) => panels.flatMap(({ queries }) => Object.keys(queries))),
    ...rules.map(({ expr }: { expr: string }) => expr),
  ];

  test('name metrics and records that exist', () => {
    const known = new Set(registry.getMetricsAsArray().map(({ name }) => name));
    for (const { record } of rules) known.add(record);
    for (const expression of expressions)
      for (const [name] of expression.matchAll(/\bhermod[_:][a-z0-9_:]+/g))
        expect([...known], expression).toContain(name.replace(/_(bucket|sum|count)$/, ''));
  });

  test('each alert has a part of the runbook, and a unit test where it fires', () => {
    const headings = [...read('deploy/docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(' ', '-'),
    );
    const tested = yaml('deploy/prometheus/alerts.test.yaml').tests.flatMap(
      (one: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }) =>
        one.alert_rule_test.flatMap(({ alertname, exp_alerts }) => (exp_alerts.length > 0 ? [alertname] : [])),
    );
    for (const { alert, annotations, labels } of rules.filter((rule: { alert?: string }) => rule.alert)) {
      const [file, anchor] = annotations.runbook_url.split('#');
      expect(file).toBe('deploy/docs/runbook.md');
      expect(headings, alert).toContain(anchor);
      expect(tested, alert).toContain(alert);
      expect(['warning', 'critical']).toContain(labels.severity);
    }
  });
});

describe('compose', () => {
  const { services } = yaml('deploy/compose.yaml');
  beforeAll(() => {
    for (const line of read('deploy/config/compose.env')
      .split('\n')
      .filter((each) => /^\w+=/.test(each)))
      process.env[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  });

  test('every service runs, is scraped, has limits and a root file system that stays as it is', () => {
    const targets = yaml('deploy/prometheus/compose.yaml').scrape_configs[0].static_configs[0].targets;
    for (const name of Object.keys(SERVICES)) {
      const service = services[name];
      expect(service?.command, name).toEqual(['deploy/host.ts', '--services', name]);
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], stop_grace_period: '40s' });
      expect(targets).toContain(`${name}:9464`);
    }
    const commands = Object.values<{ command?: string[] }>(services).map(({ command }) => command);
    for (const [, flag, name] of commands.filter((command) => command?.[1] === '--services') as string[][])
      expect(Object.keys(SERVICES), flag).toContain(name);
    for (const [name, { mem_limit, image }] of Object.entries<{ mem_limit?: string; image: string }>(services)) {
      expect(mem_limit, name).toBeDefined();
      expect(image, name).toMatch(/:[\w.-]+$/);
    }
  });

  test('its configuration is valid, listens where the ports are, and every mounted file exists', () => {
    const { listen } = loadConfig(join(ROOT, 'deploy/config/compose.gateway.yaml')).config;
    const published = Object.values<{ ports?: string[] }>(services).flatMap(({ ports = [] }) => ports);
    for (const [door, { host, port }] of Object.entries(listen) as [string, { host: string; port: number }][]) {
      expect(host, door).toBe('0.0.0.0');
      if (door !== 'admin') expect(published, door).toContain(`127.0.0.1:${port}:${port}`);
    }
    for (const { volumes = [] } of Object.values<{ volumes?: string[] }>(services))
      for (const [file] of volumes.map((volume) => volume.split(':')))
        if (file!.startsWith('.')) expect(existsSync(join(ROOT, 'deploy', file!)), file).toBe(true);
  });

  test('every variable is in the example', () => {
    const example = read('deploy/config/compose.env');
    for (const [, name] of read('deploy/compose.yaml').matchAll(/\$\{(\w+)/g)) expect(example).toContain(`${name}=`);
  });
});

const PAGES = [
  'runbook',
  'metrics',
  'systemd',
  'compose',
  'kubernetes',
  'kubernetes-provider',
  'upgrade',
  'broker-users',
  'supply-chain',
  'threat-model',
];

test.each(PAGES.map((page) => `deploy/docs/${page}.md`))('%s: the files and commands that it names exist', (page) => {
  const text = read(page);
  for (const [, file] of text.matchAll(/`((?:deploy|k8s|services|shared|test)\/[\w./-]+)`/g))
    expect(existsSync(join(ROOT, file!)), file).toBe(true);
  for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g))
    expect(existsSync(join(ROOT, dirname(page), target!)), target).toBe(true);
  const commands = globSync('deploy/cli/*.ts', { cwd: ROOT }).flatMap((file) =>
    [...read(file).matchAll(/\.command\('([a-z-]+)/g)].map(([, name]) => name),
  );
  for (const [, name] of text.matchAll(/`hermod ([a-z-]+)/g)) expect(commands, `hermod ${name}`).toContain(name);
});
