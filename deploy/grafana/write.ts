// Writes what is made of code, for those who do not run it: the dashboards, the alerts as the Prometheus operator's
// object, and the table of metrics. A test holds the files to the code.
//   node deploy/grafana/write.ts
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { registry } from '#shared/telemetry/metrics.ts';
import { BOARDS } from './dashboards.ts';
import { dashboardOf } from './panel.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Every written file, by its path from the root. */
export async function written(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const board of BOARDS) {
    files.set(`deploy/grafana/dashboards/${board.uid}.json`, `${JSON.stringify(dashboardOf(board), null, 2)}\n`);
  }
  files.set('deploy/prometheus/prometheus-rule.yaml', prometheusRule());
  files.set('deploy/docs/metrics.md', await metricsPage());
  return files;
}

function prometheusRule(): string {
  const { groups } = parse(readFileSync(join(ROOT, 'deploy/prometheus/alerts.yaml'), 'utf8'));
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'hermod' },
    spec: { groups },
  };
  return `# Written by deploy/grafana/write.ts from alerts.yaml.\n${stringify(rule, { lineWidth: 0 })}`;
}

/** The page is kept as it is up to its table. */
async function metricsPage(): Promise<string> {
  const page = readFileSync(join(ROOT, 'deploy/docs/metrics.md'), 'utf8');
  const head = '| metric | kind | labels | meaning |\n|---|---|---|---|\n';
  const above = page.slice(0, page.includes(head) ? page.indexOf(head) : page.length);
  const rows = registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('hermod_'))
    .map((metric) => {
      const { name, help, type, labelNames } = metric as unknown as Described;
      return `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
    });
  return `${above}${head}${rows.sort().join('\n')}\n`;
}

type Described = { name: string; help: string; type: string; labelNames: string[] };

if (import.meta.main) {
  for (const [file, text] of await written()) {
    mkdirSync(dirname(join(ROOT, file)), { recursive: true });
    writeFileSync(join(ROOT, file), text);
    process.stdout.write(`${file}\n`);
  }
}
