// The three loopback ports of a private node.
import { createServer } from 'node:net';

export type Ports = { amqp: number; distribution: number; epmd: number };

/** The one after RabbitMQ's own, so that a broker of the host is left alone. */
export const DEFAULT_PORT = 5673;
const TRIES = 100;

/** The other ports follow from the AMQP port, so that one number is enough to remember. RabbitMQ itself adds 20000. */
export const portsFor = (amqp: number): Ports => ({
  amqp,
  distribution: amqp + 20_000 <= 65_535 ? amqp + 20_000 : amqp - 20_000,
  epmd: amqp - 1_000,
});

/** The first AMQP port from `first` on which, with its two companions, nobody listens. */
export async function freePorts(first: number): Promise<Ports> {
  for (let amqp = first; amqp < first + TRIES; amqp++) {
    const ports = portsFor(amqp);
    if (await areFree(ports)) return ports;
  }
  throw new Error(`No free port for RabbitMQ between ${first} and ${first + TRIES - 1} on 127.0.0.1.`);
}

export async function areFree({ amqp, distribution, epmd }: Ports): Promise<boolean> {
  return (await isFree(amqp)) && (await isFree(distribution)) && (await isFree(epmd));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
