// From a message to the body of FCM's messages:send (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages).
import type { Sms } from '#shared/messages/sms.ts';

/** All but the device's token, which is known only at the hand-over. */
export type Push = {
  /** E.164 without a plus. */
  number: string;
  /** Epoch ms. */
  expiry: number;
  title: string;
  body: string;
  /** privacyIDEA's challenge, every value a string as FCM wants it. */
  challenge?: Record<string, string>;
};

/** privacyIDEA gives its challenges two minutes. */
const CHALLENGE_S = 120;

type Row = { message: 'notification' | 'privacyidea'; title: string };

/** Throws when privacyIDEA's form is asked for and the text is no challenge. */
export function pushOf(message: Sms, row: Row): Push {
  const { to: number, expiry, text } = message;
  if (row.message === 'notification') return { number, expiry, title: row.title, body: text };
  const challenge = challengeOf(text);
  return { number, expiry, title: challenge.title!, body: challenge.question!, challenge };
}

function challengeOf(text: string): Record<string, string> {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    // Not JSON: said below.
  }
  const { title, question } = (object ?? {}) as { title?: unknown; question?: unknown };
  if (typeof title !== 'string' || typeof question !== 'string' || Array.isArray(object))
    throw new Error('the text is not a JSON object with title and question, as message: privacyidea needs');
  const values = Object.entries(object as object).map(([key, value]): [string, string] => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(values);
}

/** The request's body. `now` in epoch ms: neither FCM nor APNs keeps the message beyond its expiry. */
export function bodyOf({ expiry, title, body, challenge }: Push, token: string, now: number): object {
  const left = Math.max(0, Math.floor((expiry - now) / 1_000));
  const seconds = challenge ? Math.min(CHALLENGE_S, left) : left;
  const alert = { title, body };
  return {
    message: {
      token,
      ...(challenge ? { data: challenge } : {}),
      notification: alert,
      android: {
        priority: 'HIGH',
        ttl: `${seconds}s`,
        ...(challenge ? { fcm_options: { analytics_label: 'AndroidPushToken' } } : {}),
      },
      apns: {
        headers: {
          'apns-priority': '10',
          'apns-push-type': 'alert',
          ...(challenge ? { 'apns-collapse-id': 'privacyidea.pushtoken' } : {}),
          'apns-expiration': String(Math.floor(now / 1_000) + seconds),
        },
        payload: { aps: { alert, sound: 'default', ...(challenge ? { category: 'PUSH_AUTHENTICATION' } : {}) } },
        ...(challenge ? { fcm_options: { analytics_label: 'iOSPushToken' } } : {}),
      },
    },
  };
}
