// The Kubernetes overlays: rendered by kubectl, each object against its schema, and the rules of this house.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { SERVICES } from '../../deploy/services.ts';
import { canRender, faultsOf, type Manifest, objectsIn, podOf, ROOT, render } from '../rig/manifests.ts';

const OVERLAYS = ['dev', 'production', 'modem'];
/** Pods of others, from their images. */
const FOREIGN = ['rabbitmq', 'postgres', 'valkey'];

const rendered = canRender();

/** Without kubectl nothing is rendered; what can be said of the files alone is said, and that it is less. */
if (!rendered)
  test('kubectl with kustomize 5 is missing: overlays are not rendered, each file is checked alone', async () => {
    process.stdout.write('kubectl with kustomize 5 is missing: no overlay was rendered\n');
    const objects = globSync('k8s/**/*.yaml', { cwd: ROOT })
      .filter((file) => !/kustomization|provider\.yaml|gateway\.yaml|tls\.yaml|load-balancer\.yaml/.test(file))
      .flatMap((file) => objectsIn(readFileSync(join(ROOT, file), 'utf8')));
    expect(objects.length).toBeGreaterThan(40);
    expect((await Promise.all(objects.map(faultsOf))).flat()).toEqual([]);
  });

describe.each(rendered ? OVERLAYS : [])('overlay %s', (overlay) => {
  let objects: Manifest[];
  beforeAll(() => {
    objects = render(`k8s/overlays/${overlay}`);
  });
  const ofKind = (...kinds: string[]) => objects.filter(({ kind }) => kinds.includes(kind));
  const pods = () => objects.flatMap((object) => (podOf(object) ? [{ object, pod: podOf(object) }] : []));
  const containers = () =>
    pods().flatMap(({ object, pod }) =>
      [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((container: Manifest) => ({
        object,
        pod,
        container,
        name: `${object.metadata.name}/${container.name}`,
        isFirst: !pod.spec.containers.includes(container),
      })),
    );

  test('every object is as its schema says', async () => {
    expect(objects.length).toBeGreaterThan(5);
    const faults = (await Promise.all(objects.map(faultsOf))).flat();
    expect(faults).toEqual([]);
  });

  test('nothing is left of a placeholder, and all are in one namespace', () => {
    expect(/(?:PROVIDER|SERVICE)\b(?!_)/.exec(JSON.stringify(objects))?.[0]).toBe(undefined);
    const [namespace] = ofKind('Namespace');
    for (const { metadata, kind } of objects)
      if (kind !== 'Namespace') expect(metadata.namespace, `${kind} ${metadata.name}`).toBe(namespace.metadata.name);
  });

  test('containers have limits, an image with a version, and a root file system that stays as it is', () => {
    for (const { container, name } of containers()) {
      const { resources, image, securityContext } = container;
      expect(resources.requests, name).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
      expect(resources.limits.memory, name).toMatch(/^\d+(Mi|Gi)$/);
      expect(image, name).toMatch(/^[a-z0-9./-]+:[\w.-]+$/);
      expect(image, name).not.toMatch(/:latest$/);
      expect(securityContext.readOnlyRootFilesystem, name).toBe(true);
    }
  });

  test('every pod is "restricted", but for the modem\'s', () => {
    const [namespace] = ofKind('Namespace');
    const level = namespace.metadata.labels['pod-security.kubernetes.io/enforce'];
    expect(level).toBe(overlay === 'modem' ? 'privileged' : 'restricted');
    for (const { object, pod } of pods()) {
      const { securityContext, automountServiceAccountToken, serviceAccountName } = pod.spec;
      expect(securityContext, object.metadata.name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(securityContext.runAsUser, object.metadata.name).toBeGreaterThan(0);
      expect(automountServiceAccountToken, object.metadata.name).toBe(false);
      expect(ofKind('ServiceAccount').map(({ metadata }) => metadata.name)).toContain(serviceAccountName);
      for (const volume of pod.spec.volumes ?? []) expect('hostPath' in volume && overlay !== 'modem').toBe(false);
    }
    for (const { container, name } of containers()) {
      if (overlay === 'modem') continue;
      expect(container.securityContext, name).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  test('our pods are asked for life and readiness, drain within their grace, and leave one by one', () => {
    for (const { object, pod, container, isFirst, name } of containers()) {
      if (isFirst) continue;
      for (const probe of ['livenessProbe', 'readinessProbe'])
        expect(container[probe], `${name} ${probe}`).toBeDefined();
      if (pod.metadata.labels['app.kubernetes.io/part-of'] !== 'hermod') continue;
      expect(container.livenessProbe.httpGet, name).toEqual({ path: '/live', port: 'admin' });
      expect(container.readinessProbe.httpGet, name).toEqual({ path: '/ready', port: 'admin' });
      // 10 s for the window and 10 s for confirms: shared/egress/worker.ts and shared/bus/bus.ts.
      const { preStop } = container.lifecycle;
      expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(preStop.sleep.seconds + 20);
      const budgets = ofKind('PodDisruptionBudget').filter(({ spec }) => selects(spec.selector, pod));
      expect(budgets, object.metadata.name).toHaveLength(1);
    }
  });

  test('ports: a policy for each, and services that find them', () => {
    const policies = ofKind('NetworkPolicy');
    for (const { object, pod, container } of containers()) {
      const open = policies
        .filter(({ spec }) => selects(spec.podSelector, pod) && spec.ingress)
        .flatMap(({ spec }) => spec.ingress.flatMap(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port)));
      for (const { name, containerPort } of container.ports ?? [])
        expect(
          open.some((port: unknown) => port === name || port === containerPort),
          `no policy opens ${name} of ${object.metadata.name}`,
        ).toBe(true);
    }
    for (const { metadata, spec } of ofKind('Service')) {
      const behind = pods().filter(({ pod }) => selects({ matchLabels: spec.selector }, pod));
      expect(behind, `nobody is behind the Service ${metadata.name}`).toHaveLength(1);
      const names = behind[0]!.pod.spec.containers
        .flatMap((each: Manifest) => each.ports)
        .map((port: Manifest) => port.name);
      for (const { targetPort } of spec.ports) expect(names, metadata.name).toContain(targetPort);
    }
    for (const { spec } of ofKind('Ingress'))
      for (const { backend } of spec.rules.flatMap(({ http }: Manifest) => http.paths)) {
        const service = ofKind('Service').find(({ metadata }) => metadata.name === backend.service.name);
        expect(service.spec.ports.map(({ name }: Manifest) => name)).toContain(backend.service.port.name);
      }
  });

  test('what a pod names exists: secrets and their keys, configuration, claims, what is scaled', () => {
    const secrets = new Map(ofKind('Secret').map((secret) => [secret.metadata.name, Object.keys(secret.data)]));
    // Those that an operator makes for its object.
    if (ofKind('RabbitmqCluster').length > 0) secrets.set('rabbitmq-default-user', ['connection_string']);
    if (ofKind('Cluster').length > 0) secrets.set('postgres-app', ['uri']);
    for (const { spec } of ofKind('Certificate')) secrets.set(spec.secretName, ['tls.crt', 'tls.key']);
    const maps = ofKind('ConfigMap').map(({ metadata }) => metadata.name);
    for (const { container, pod, name } of containers()) {
      for (const { valueFrom } of container.env ?? []) {
        const secret = valueFrom?.secretKeyRef;
        if (secret) expect(secrets.get(secret.name), `${name}: ${secret.name}`).toContain(secret.key);
        const map = valueFrom?.configMapKeyRef;
        if (map && !map.optional) expect(maps, name).toContain(map.name);
      }
      for (const { secretRef } of container.envFrom ?? []) expect([...secrets.keys()], name).toContain(secretRef.name);
      for (const volume of pod.spec.volumes ?? []) {
        if (volume.configMap) expect(maps, name).toContain(volume.configMap.name);
        if (volume.secret) expect([...secrets.keys()], name).toContain(volume.secret.secretName);
      }
      const volumes = [...(pod.spec.volumes ?? []).map((volume: Manifest) => volume.name), 'data'];
      for (const mount of container.volumeMounts ?? []) expect(volumes, name).toContain(mount.name);
    }
    for (const { spec } of ofKind('ScaledObject'))
      expect(ofKind('Deployment').map(({ metadata }) => metadata.name)).toContain(spec.scaleTargetRef.name);
  });

  test("the configuration is valid, opens its doors to the pods' network, and every secret that it names is given", () => {
    const { config, services } = running(objects);
    expect(config.listen.admin).toEqual({ host: '0.0.0.0', port: 9464 });
    for (const [door, listener] of Object.entries(config.listen)) {
      if (overlay === 'modem' && door !== 'admin') continue;
      expect(listener, door).toMatchObject({ host: '0.0.0.0' });
      const ports = containers().flatMap(({ container }) => container.ports ?? []);
      const found = ports.find(({ name }: Manifest) => name === door);
      expect(found?.containerPort, `listen.${door}`).toBe((listener as { port: number }).port);
    }
    for (const { name } of services) expect(Object.keys(SERVICES)).toContain(name);
  });

  test('every provider has its worker, scaled to what its binds allow', () => {
    const { config, services } = running(objects);
    for (const [name, provider] of Object.entries(config.providers)) {
      const worker = services.find(({ providers }) => providers === name);
      expect(worker?.name, `the worker of ${name}`).toBe(`egress-${provider.bearer}`);
      const scaled = ofKind('ScaledObject').find(({ metadata }) => metadata.name === `egress-${name}`);
      if (overlay !== 'production') continue;
      const most = Math.ceil(provider.binds / (provider.bindsPerWorker ?? provider.binds));
      expect(scaled.spec).toMatchObject({ minReplicaCount: 1, maxReplicaCount: most });
      for (const { metadata } of scaled.spec.triggers) expect(metadata.query).toContain(`egress.${name}.`);
    }
  });
});

if (rendered)
  test('every service runs in Kubernetes: in the base, as the worker of a provider, or as a modem', () => {
    const base = render('k8s/base').flatMap((object) => (podOf(object) ? [object.metadata.name] : []));
    const ours = base.filter((name) => !FOREIGN.includes(name));
    for (const name of Object.keys(SERVICES)) {
      if (!name.startsWith('egress-')) expect(ours).toContain(name);
    }
  });

test('another provider is one folder of a dozen lines', () => {
  const files = ['kustomization.yaml', 'provider.yaml'].map((file) =>
    readFileSync(join(ROOT, 'k8s/overlays/production/providers/main', file), 'utf8'),
  );
  expect(files.join('').trim().split('\n').length).toBeLessThanOrEqual(13);
});

const selects = ({ matchLabels }: Manifest, pod: Manifest): boolean =>
  Object.entries(matchLabels ?? {}).every(([key, value]) => pod.metadata.labels[key] === value);

/** The overlay's configuration, read as its services read it, and the services with the providers that they are given. */
function running(objects: Manifest[]): { config: Config; services: { name: string; providers?: string }[] } {
  const map = objects.find(({ kind, data }) => kind === 'ConfigMap' && data['gateway.yaml'])!;
  const secret = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name.startsWith('hermod'))!;
  const env = Object.fromEntries(
    Object.entries(secret.data).map(([key, value]) => [key, Buffer.from(value as string, 'base64').toString()]),
  );
  const services = objects.flatMap((object) => {
    const args: string[] = podOf(object)?.spec.containers[0].args ?? [];
    if (args[1] !== '--services') return [];
    const { env: vars = [] } = podOf(object).spec.containers[0];
    const providers = vars.find(({ name }: Manifest) => name === 'HERMOD_PROVIDERS')?.value;
    return [{ name: args[2]!, ...(providers ? { providers } : {}) }];
  });
  return { config: parseConfig(map.data['gateway.yaml'], 'gateway.yaml', env), services };
}
