// Wrong routes: each is one line with its place; routes that are allowed but never match are found.
import { describe, expect, test } from 'vitest';
import { ConfigError, parseConfig } from '#shared/config/load.ts';
import { jsonSchema } from '#shared/config/schema.ts';
import { shadowedRoutes } from '../../../deploy/cli/shadow.ts';

const HEAD = `clients:
  ise: { password: x }
providers:
  a: { bearer: smpp, host: h, systemId: s, cost: 0.07 }
  b: { bearer: smpp, host: h, systemId: s }
`;
const read = (text: string) => parseConfig(text, 'gateway.yaml', {});
const fault = (text: string) => {
  try {
    read(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'no fault';
};

describe('faults', () => {
  test.each([
    ['to: [c]', 'gateway.yaml:7: routes.0.to.0: there is no provider c'],
    ['to: [a, { b: 1, c: 1 }]', 'gateway.yaml:7: routes.0.to.1.c: there is no provider c'],
    ['to: [constructor]', 'gateway.yaml:7: routes.0.to.0: there is no provider constructor'],
    ['to: [{ a: 0 }]', /^gateway\.yaml:7: routes\.0\.to\.0\.a: a weight is a whole number from 1 to 1000: leave out/],
    ['to: [{ a: 1001 }]', /^gateway\.yaml:7: routes\.0\.to\.0\.a: a weight is a whole number from 1 to 1000/],
    ['to: [{ a: 1.5 }]', /^gateway\.yaml:7: routes\.0\.to\.0: must be a provider's name, or several with weights/],
    ['to: [{}]', 'gateway.yaml:7: routes.0.to.0: a group without a provider'],
    ['to: []', /^gateway\.yaml:7: routes\.0\.to: /],
    ['when: { client: isa }, to: [a]', 'gateway.yaml:7: routes.0.when.client: there is no client isa'],
    ['when: { client: [ise, isa] }, to: [a]', 'gateway.yaml:7: routes.0.when.client.1: there is no client isa'],
    [
      'when: { text: "a(" }, to: [a]',
      /^gateway\.yaml:7: routes\.0\.when\.text: this is not a regular expression in RE2's/,
    ],
    [
      'when: { text: "(?=a)" }, to: [a]',
      /^gateway\.yaml:7: routes\.0\.when\.text: this is not a regular expression in/,
    ],
    [
      'when: { time: { zone: Mars/Olympus } }, to: [a]',
      /^gateway\.yaml:7: routes\.0\.when\.time\.zone: this is not a time zone/,
    ],
    ['when: { time: { from: "08:00" } }, to: [a]', /^gateway\.yaml:7: routes\.0\.when\.time\.zone: missing/],
    [
      'when: { time: { days: [mo-fr], zone: UTC } }, to: [a]',
      /routes\.0\.when\.time\.days\.0: must be a day or days in a row/,
    ],
    ['when: { time: { from: "8:00", zone: UTC } }, to: [a]', /routes\.0\.when\.time\.from: must be a time of the day/],
    [
      'when: { time: { from: "24:00", to: "24:00", zone: UTC } }, to: [a]',
      /routes\.0\.when\.time: from and to are the same/,
    ],
    [
      'when: { time: { zone: UTC, form: "08:00" } }, to: [a]',
      /routes\.0\.when\.time\.form: no such setting: do you mean from\?/,
    ],
    ['when: { country: UK }, to: [a]', /^gateway\.yaml:7: routes\.0\.when\.country: a country's two capital letters/],
    ['when: { prefix: 44 }, to: [a]', /^gateway\.yaml:7: routes\.0\.when\.prefix: must be leading digits .* in quotes/],
    [
      'when: { address: 10.1.*.* }, to: [a]',
      /^gateway\.yaml:7: routes\.0\.when\.address: must be an address or a network/,
    ],
    ['when: { clients: ise }, to: [a]', /routes\.0\.when\.clients: no such setting: do you mean client\?/],
    ['to: [a], pin: 10s', /^gateway\.yaml:7: routes\.0\.pin: at least 1min/],
    [
      'to: [a, b], maxCost: 1',
      /^gateway\.yaml:7: routes\.0\.to\.1: the route has a maxCost, so provider b needs a cost/,
    ],
  ])('%s', (route, wanted) => {
    const message = fault(`${HEAD}routes:\n  - { ${route} }\n`);
    if (typeof wanted === 'string') expect(message).toBe(wanted);
    else expect(message).toMatch(wanted);
    expect(message.split('\n')).toHaveLength(1);
  });

  test('two defaults, and clients that a provider does not know', () => {
    const twice = HEAD.replaceAll('systemId: s', 'systemId: s, default: true');
    expect(fault(twice)).toBe('gateway.yaml:5: providers.b.default: a is the default provider already');
    const deny = HEAD.replace('cost: 0.07', 'deny: { clients: [ise, isa] }');
    expect(fault(deny)).toBe('gateway.yaml:4: providers.a.deny.clients.1: there is no client isa');
  });

  test('routes as they were always written are read as ever', () => {
    const { routes } = read(
      `${HEAD}routes:\n  - when: { client: ise, prefix: "44", lane: bulk }\n    to: [a, b]\n  - to: [b]\n`,
    );
    expect(routes).toEqual([
      { when: { client: 'ise', prefix: '44', lane: 'bulk' }, to: ['a', 'b'] },
      { when: {}, to: ['b'] },
    ]);
    expect(JSON.stringify(jsonSchema())).toContain('maxCost');
  });
});

describe('routes that can never match', () => {
  const shadowed = (...whens: string[]) =>
    shadowedRoutes(
      read(`${HEAD}routes:\n${whens.map((when) => `  - { when: { ${when} }, to: [a] }\n`).join('')}`).routes,
    );
  test.each([
    [['', 'client: ise'], [{ route: 2, by: 1 }]],
    [['client: ise', ''], []],
    [['client: ise', 'client: ise, prefix: "44"', 'prefix: "44"'], [{ route: 2, by: 1 }]],
    [['prefix: ["44", "49"]', 'prefix: "4477"', 'prefix: ["4477", "1"]'], [{ route: 2, by: 1 }]],
    [['prefix: "4477"', 'prefix: "44"'], []],
    [['country: [DE, CH]', 'country: CH', 'country: [CH, AT]'], [{ route: 2, by: 1 }]],
    [['text: code', 'text: code, user: anna', 'text: Code'], [{ route: 2, by: 1 }]],
    [['time: { zone: UTC, from: "08:00" }', 'time: { zone: UTC, from: "08:00" }'], [{ route: 2, by: 1 }]],
    [['time: { zone: UTC, from: "08:00" }', 'time: { zone: UTC, from: "09:00" }'], []],
  ])('%j', (whens, wanted) => {
    expect(shadowed(...whens)).toEqual(wanted);
  });
});
