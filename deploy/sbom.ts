// The bill of materials of the image, CycloneDX 1.6: every package of the lock file that runs in production, with its licence,
// its hash and what it depends on. The same lock file gives the same octets.
//   node deploy/sbom.ts > sbom.cdx.json
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

type Locked = {
  version: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  dependencies?: Record<string, string>;
};
export type Lock = { name: string; version: string; packages: Record<string, Locked> };

type License = { license: { id: string } } | { expression: string };
type Component = {
  type: 'library' | 'application';
  'bom-ref': string;
  group?: string;
  name: string;
  version: string;
  purl: string;
  licenses: License[];
  hashes?: { alg: string; content: string }[];
  externalReferences?: { type: string; url: string }[];
};

const MODULES = 'node_modules/';
const nameIn = (path: string) => path.slice(path.lastIndexOf(MODULES) + MODULES.length);
/** https://github.com/package-url/purl-spec: the @ of a scope is percent-encoded. */
const purlOf = (name: string, version: string) => `pkg:npm/${name.replace('@', '%40')}@${version}`;
const licensesOf = (license = 'NOASSERTION'): License[] =>
  / (OR|AND) /.test(license) ? [{ expression: license }] : [{ license: { id: license } }];

/** Paths of the packages that `npm ci --omit=dev --omit=optional` installs. */
export const productionOf = ({ packages }: Lock): string[] =>
  Object.keys(packages)
    .filter((path) => path !== '')
    .filter((path) => !packages[path]!.dev && !packages[path]!.optional && !packages[path]!.devOptional)
    .sort();

export function sbomOf(lock: Lock) {
  const own = lock.packages['']!;
  const root = purlOf(lock.name, lock.version);
  const paths = productionOf(lock);
  const refOf = (path: string) => purlOf(nameIn(path), lock.packages[path]!.version);
  const components = new Map(paths.map((path) => [refOf(path), componentOf(nameIn(path), lock.packages[path]!)]));
  const edges = new Map<string, Set<string>>([[root, new Set()]]);
  for (const path of ['', ...paths]) {
    const ref = path === '' ? root : refOf(path);
    const targets = edges.get(ref) ?? new Set();
    edges.set(ref, targets);
    for (const name of Object.keys(lock.packages[path]!.dependencies ?? {})) {
      const found = resolved(path, name, lock);
      if (found && paths.includes(found)) targets.add(refOf(found));
    }
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(lock.packages))}`,
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': root,
        name: lock.name,
        version: lock.version,
        purl: root,
        licenses: licensesOf(own.license),
      } satisfies Component,
    },
    components: [...components.values()],
    dependencies: [...edges].map(([ref, dependsOn]) => ({ ref, dependsOn: [...dependsOn].sort() })),
  };
}

function componentOf(name: string, { version, license, integrity, resolved: url }: Locked): Component {
  const [group, bare] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const [algorithm = '', digest = ''] = integrity?.split('-') ?? [];
  return {
    type: 'library',
    'bom-ref': purlOf(name, version),
    ...(group ? { group } : {}),
    name: bare!,
    version,
    purl: purlOf(name, version),
    licenses: licensesOf(license),
    ...(digest
      ? { hashes: [{ alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') }] }
      : {}),
    ...(url ? { externalReferences: [{ type: 'distribution', url }] } : {}),
  };
}

/** Where Node would find `name` from the package at `path`: the nearest node_modules upwards. */
function resolved(path: string, name: string, { packages }: Lock): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf(`/${MODULES}`)))) {
    const candidate = `${at === '' ? '' : `${at}/`}${MODULES}${name}`;
    if (packages[candidate]) return candidate;
    if (at === '') return undefined;
  }
}

/** Of the content's hash, in the form of version 8: what a UUID means is up to who makes it (RFC 9562, 5.8). */
function uuidOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const readLock = (folder: string): Lock => JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));

if (import.meta.main) {
  const lock = readLock(resolve(import.meta.dirname, '..'));
  process.stdout.write(`${JSON.stringify(sbomOf(lock), undefined, 2)}\n`);
}
