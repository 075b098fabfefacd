// The Tiltfile, run with stubs in place of Tilt's built-ins: what it names exists in the dev overlay or in the tree.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { canRender, type Manifest, objectsIn, podOf, ROOT, render } from '../rig/manifests.ts';

// biome-ignore lint/suspicious/noExplicitAny: calls of many built-ins
type Call = { call: string; args: any[] } & Record<string, any>;
let objects: Manifest[];
let calls: Call[];
const called = (name: string) => calls.filter(({ call }) => call === name);

beforeAll(() => {
  if (spawnSync('python3', ['--version']).status !== 0) throw new Error('python3 is missing: the Tiltfile was not run');
  if (!canRender()) {
    process.stdout.write('kubectl with kustomize 5 is missing: the Tiltfile is run on the files as they are\n');
  }
  objects = canRender() ? render('k8s/overlays/dev') : filesOfDev();
  const output = execFileSync('python3', ['test/peers/tilt.py'], { cwd: ROOT, input: JSON.stringify(objects) });
  calls = JSON.parse(output.toString());
});

/** Without kubectl: the overlay's files, the provider's worker by its name, and the secret as the overlay writes it. */
function filesOfDev(): Manifest[] {
  const files = globSync(['k8s/base/*.yaml', 'k8s/overlays/dev/*.yaml', 'k8s/provider/egress.yaml'], { cwd: ROOT })
    .filter((file) => !/kustomization|gateway/.test(file))
    .map((file) => readFileSync(join(ROOT, file), 'utf8').replaceAll('PROVIDER', 'sandbox'));
  const password = Buffer.from('sandbox').toString('base64');
  return [...files.flatMap(objectsIn), { kind: 'Secret', metadata: {}, data: { DEMO_PASSWORD: password } }];
}

test('the image is built from the Dockerfile with every file that it copies', () => {
  const [build] = called('docker_build');
  expect(build!.args).toEqual(['hermod', '.']);
  expect(build!.dockerfile_contents.startsWith(readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8'))).toBe(true);
  for (const path of build!.only) expect(existsSync(join(ROOT, path)), path).toBe(true);
  const sent = readFileSync(join(ROOT, 'deploy/Dockerfile.dockerignore'), 'utf8').match(/^!.+$/gm)!;
  expect([...build!.only].sort()).toEqual(sent.map((line) => line.slice(1)).sort());
  for (const { call, args } of build!.live_update) {
    const [from, to] = call === 'sync' ? args : [args[0][0], undefined];
    expect(existsSync(join(ROOT, from)), from).toBe(true);
    if (to) expect(to).toBe(`/app/${from}`);
  }
});

test('it applies the dev overlay, whose services start again when a file changes', () => {
  expect(called('kustomize')[0]!.args).toEqual(['k8s/overlays/dev']);
  const [{ args }] = called('k8s_yaml') as [Call];
  expect(args[0]).toHaveLength(objects.length);
  const router = args[0].find(({ kind, metadata }: Manifest) => kind === 'Deployment' && metadata.name === 'router');
  const [container] = router.spec.template.spec.containers;
  expect(container.args).toEqual(expect.arrayContaining(['--watch-path=services', 'deploy/host.ts', 'router']));
});

test('each resource exists, has a label, and all that runs is named; forwarded ports are open there', () => {
  const pods = new Map(objects.flatMap((object) => (podOf(object) ? [[object.metadata.name, podOf(object)]] : [])));
  const resources = called('k8s_resource');
  expect(resources.map(({ args }) => args[0]).sort()).toEqual([...pods.keys()].sort());
  const taken = new Set<number>();
  for (const { args, labels, port_forwards = [], resource_deps = [] } of resources) {
    expect(labels, args[0]).toHaveLength(1);
    for (const name of resource_deps) expect([...pods.keys()]).toContain(name);
    const open = pods.get(args[0]).spec.containers.flatMap(({ ports = [] }: Manifest) => ports);
    for (const {
      args: [local, remote],
      name,
    } of port_forwards) {
      expect(name).not.toBe('');
      expect(taken.has(local)).toBe(false);
      taken.add(local);
      expect(
        open.map(({ containerPort }: Manifest) => containerPort),
        args[0],
      ).toContain(remote);
    }
  }
});

test('the buttons do what they say', () => {
  const buttons = new Map(called('local_resource').map((call) => [call.args[0], call]));
  expect([...buttons.keys()]).toEqual(['send a test SMS', 'kill a worker', 'run the tests']);
  for (const { auto_init, trigger_mode } of buttons.values()) {
    expect(auto_init).toBe(false);
    expect(trigger_mode).toBe('manual');
  }
  const url = new URL(buttons.get('send a test SMS')!.args[1].at(-1));
  const secret = objects.find(({ kind, data }) => kind === 'Secret' && data.DEMO_PASSWORD);
  expect(url.searchParams.get('password')).toBe(Buffer.from(secret.data.DEMO_PASSWORD, 'base64').toString());
  expect(url.port).toBe('13013');
  const kill: string[] = buttons.get('kill a worker')!.args[1];
  const [key, value] = kill[kill.indexOf('-l') + 1]!.split('=');
  expect(objects.some((object) => podOf(object)?.metadata.labels[key!] === value)).toBe(true);
  expect(kill).toContain(objects.find(({ kind }) => kind === 'Namespace').metadata.name);
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(scripts).toHaveProperty([buttons.get('run the tests')!.args[1][2]]);
});
