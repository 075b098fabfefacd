// The Kubernetes objects of an overlay, as kubectl's kustomize renders them, and what can be said of each without a cluster.
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import operatorFields from '../peers/operator-fields.json' with { type: 'json' };

export const ROOT = resolve(import.meta.dirname, '../..');
// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, whose schemas are checked here
export type Manifest = any;

/** Whether kubectl with kustomize 5 is here; without it nothing can be rendered, and the tests say so. */
export function canRender(): boolean {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' });
  return status === 0 && /Kustomize Version: v([5-9]|\d\d)\./.test(stdout);
}

export const objectsIn = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    const value = document.toJS({ maxAliasCount: -1 });
    return value === null ? [] : [value];
  });

/** Every object of an overlay. */
export const render = (overlay: string): Manifest[] =>
  objectsIn(execFileSync('kubectl', ['kustomize', join(ROOT, overlay)], { encoding: 'utf8', maxBuffer: 64 << 20 })).map(
    unfolded,
  );

/** Long values of a Secret are written on several lines: the API server reads them so, their schema does not. */
function unfolded(object: Manifest): Manifest {
  if (object.kind !== 'Secret') return object;
  const values = Object.entries<string>(object.data ?? {}).map(([key, value]) => [key, value.replaceAll(/\s/g, '')]);
  return { ...object, data: Object.fromEntries(values) };
}

const PACKAGES: Record<string, string> = {
  'keda.sh': '@kubernetes-models/keda/keda.sh',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator/monitoring.coreos.com',
  'cert-manager.io': '@kubernetes-models/cert-manager/cert-manager.io',
};

/** Faults of an object against the schema of its kind: wrong types and missing fields, and fields that no schema knows. */
export async function faultsOf(object: Manifest): Promise<string[]> {
  const { apiVersion, kind, metadata } = object;
  const name = `${kind} ${metadata?.name}`;
  const known = (operatorFields as Record<string, Tree>)[`${apiVersion}/${kind}`];
  if (known) return unknownIn(object.spec, known, `${name}: spec`);
  const group = apiVersion.split('/')[0];
  const module = `${PACKAGES[group] ? PACKAGES[group] + apiVersion.slice(group.length) : `kubernetes-models/${apiVersion}`}/${kind}`;
  try {
    const { [kind]: Model } = await import(module);
    new Model(object).validate();
  } catch (error) {
    return [`${name}: ${(error as Error).message}`];
  }
  const fields = fieldsOf(module);
  return keysOf(object).flatMap((key) => (fields.has(key) ? [] : [`${name}: no field is called ${key}`]));
}

type Tree = { [field: string]: Tree | true };

function unknownIn(value: Manifest, tree: Tree, path: string): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = tree[key];
    if (known === undefined) return [`${path}.${key} is not a published field`];
    return known === true || typeof inner !== 'object' ? [] : unknownIn(inner, known, `${path}.${key}`);
  });
}

/** Maps whose keys are anybody's. */
const FREE = new Set([
  'labels',
  'annotations',
  'matchLabels',
  'data',
  'stringData',
  'nodeSelector',
  'requests',
  'limits',
]);

function keysOf(value: Manifest, within = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => keysOf(each, within));
  if (value === null || typeof value !== 'object' || FREE.has(within)) return [];
  if (within === 'selector' && Object.values(value).every((inner) => typeof inner === 'string')) return [];
  // A trigger's metadata is the scaler's own.
  if (within === 'metadata' && !('name' in value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner, key)]);
}

const cache = new Map<string, Set<string>>();

/** The names of all fields that the types of a package, and Kubernetes' own, have. */
function fieldsOf(module: string): Set<string> {
  const folder = join(dirname(fileURLToPath(import.meta.resolve(module))), '..', '..');
  let fields = cache.get(folder);
  if (!fields) {
    const own = dirname(fileURLToPath(import.meta.resolve('kubernetes-models/v1/Pod')));
    const meta = join(ROOT, 'node_modules/@kubernetes-models/apimachinery');
    const files = [folder, join(own, '..'), meta].flatMap((cwd) =>
      globSync('**/*.d.ts', { cwd }).map((file) => join(cwd, file)),
    );
    fields = new Set(
      files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/"(\w+)"\??:/g)].map(([, key]) => key!)),
    );
    cache.set(folder, fields);
  }
  return fields;
}

/** The pod template of whatever makes pods. */
export const podOf = (object: Manifest): Manifest | undefined =>
  ['Deployment', 'StatefulSet', 'DaemonSet'].includes(object.kind) ? object.spec.template : undefined;
