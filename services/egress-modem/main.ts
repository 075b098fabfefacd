// egress-modem. Reads egress.<provider>.urgent and .bulk of every modem provider (or of those in HERMOD_PROVIDERS, comma
// separated), hands messages to the GSM modem on a serial port or to gnokii, and writes reports; status reports and
// incoming messages come back from the same modem.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { modemBearer } from './bearer.ts';

export const egressModem = egressService('modem', modemBearer);

if (import.meta.main) await runServices([egressModem]);
