// Every preset, one line each: see deploy/docs/add-a-provider.md.
import { clickatellHttp } from './clickatell-http.ts';
import { clickatellRest } from './clickatell-rest.ts';
import { gtxMessaging } from './gtx-messaging.ts';
import { infobip } from './infobip.ts';
import { kannel } from './kannel.ts';
import { messagebird } from './messagebird.ts';
import type { Preset } from './preset.ts';
import { sinchXms } from './sinch-xms.ts';
import { sipgate } from './sipgate.ts';
import { sms4 } from './sms4.ts';
import { smsout } from './smsout.ts';
import { swisscom } from './swisscom.ts';
import { twilio } from './twilio.ts';
import { vonage } from './vonage.ts';

export const PRESETS: readonly Preset[] = [
  clickatellHttp,
  clickatellRest,
  gtxMessaging,
  infobip,
  kannel,
  messagebird,
  sinchXms,
  sipgate,
  sms4,
  smsout,
  swisscom,
  twilio,
  vonage,
];
