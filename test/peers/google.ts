// A stand-in of Google: the token endpoint, which checks the signed assertion of a service account as Google does, and
// FCM's messages:send. On loopback, without TLS; a service account's file leads a push provider to it.
import { generateKeyPairSync, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PROJECT = 'hermod-test';
const EMAIL = `push@${PROJECT}.iam.gserviceaccount.com`;
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });

export type FcmAnswer = { status: number; headers?: Record<string, string>; body?: unknown } | 'hang' | 'cut';
export type Sent = { url: string; method: string; headers: IncomingMessage['headers']; body: Record<string, unknown> };

export type Google = {
  port: number;
  /** What came to messages:send. */
  sent: Sent[];
  /** The claims and headers of each assertion that was exchanged for a token. */
  assertions: { header: Record<string, unknown>; claims: Record<string, unknown> }[];
  /** How the next requests to send are answered; taken when there is none left. */
  answers: FcmAnswer[];
  /** Lifetime of tokens from now on, in seconds, and whether there are any. */
  token: { lifetime: number; status: number };
  /** Tokens that are not taken any more. */
  revoked: Set<string>;
  /** Writes the file of the service account. */
  writeAccount(path: string, change?: Record<string, unknown>): void;
  stop(): Promise<void>;
};

export async function startGoogle(): Promise<Google> {
  const sent: Sent[] = [];
  const assertions: Google['assertions'] = [];
  const answers: FcmAnswer[] = [];
  const token = { lifetime: 3_600, status: 200 };
  const revoked = new Set<string>();

  const json = (response: ServerResponse, status: number, body: unknown, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

  function giveToken(body: string, response: ServerResponse) {
    const form = new URLSearchParams(body);
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const signed = Buffer.from(`${header}.${claims}`);
    const isOurs = verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'));
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer' || !isOurs || token.status !== 200)
      return json(response, isOurs ? token.status : 400, { error: 'invalid_grant' });
    const parsed = [header, claims].map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    assertions.push({ header: parsed[0], claims: parsed[1] });
    json(response, 200, {
      access_token: `token-${assertions.length}`,
      expires_in: token.lifetime,
      token_type: 'Bearer',
    });
  }

  function takeMessage(request: IncomingMessage, body: string, response: ServerResponse) {
    sent.push({ url: request.url!, method: request.method!, headers: request.headers, body: JSON.parse(body) });
    const bearer = request.headers.authorization?.replace('Bearer ', '') ?? '';
    if (revoked.has(bearer)) return json(response, 401, { error: { code: 401, status: 'UNAUTHENTICATED' } });
    const answer = answers.shift();
    if (answer === 'hang') return;
    if (answer === 'cut') return void request.socket.destroy();
    if (answer) return json(response, answer.status, answer.body ?? {}, answer.headers);
    json(response, 200, { name: `projects/${PROJECT}/messages/${sent.length}` });
  }

  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (octets) => {
      body += octets;
    });
    request.on('end', () => {
      if (request.url === '/token') giveToken(body, response);
      else takeMessage(request, body, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    sent,
    assertions,
    answers,
    token,
    revoked,
    writeAccount(path, change = {}) {
      const account = {
        type: 'service_account',
        project_id: PROJECT,
        private_key_id: 'key-1',
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: EMAIL,
        token_uri: `http://127.0.0.1:${port}/token`,
        ...change,
      };
      writeFileSync(path, JSON.stringify(account), { mode: 0o600 });
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** An error as FCM writes it. */
export const fcmError = (status: number, errorCode: string, message = 'because'): FcmAnswer => ({
  status,
  body: {
    error: {
      code: status,
      message,
      status: errorCode === 'UNREGISTERED' ? 'NOT_FOUND' : 'FAILED',
      details: [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode }],
    },
  },
});
