// A mail's octets as they come, and what must not stand among them. RFC 5321, 2.3.8: CR and LF only together; a server that
// takes them alone can be made to see two mails where another sees one (SMTP smuggling).
import type { SMTPServerDataStream } from 'smtp-server';
import { Refused } from './refused.ts';

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** What is wrong with the octets between DATA and the final dot, or undefined. */
export function faultOf(octets: Uint8Array): string | undefined {
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet > CR) continue;
    if (octet === LF && octets[i - 1] !== CR) return 'it has a line feed without a carriage return';
    if (octet === CR && octets[i + 1] !== LF) return 'it has a carriage return without a line feed';
    if (octet === NUL) return 'it has a NUL octet';
  }
  return undefined;
}

/** All of them; holds at most the allowed size, whatever comes. Rejects with Refused. */
export async function receive(stream: SMTPServerDataStream, maxSize: number): Promise<Buffer> {
  let chunks: Buffer[] = [];
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (stream.sizeExceeded) chunks = [];
      else chunks.push(chunk);
    }
  } catch {
    throw new Refused(451, '4.4.2', 'the connection was lost before the end of the mail', 'connection');
  }
  if (!stream.sizeExceeded) return Buffer.concat(chunks);
  throw new Refused(552, '5.3.4', `a mail has at most ${maxSize} octets here`, 'size');
}
