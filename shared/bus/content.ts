// What is in an AMQP message. Whoever may publish at the broker decides that, so reading it never throws.

/** The JSON value of a message's content; undefined when it is none. */
export function jsonIn(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}
