// egress-smpp. Reads egress.<provider>.urgent and .bulk of every SMPP provider (or of those in HERMOD_PROVIDERS, comma
// separated), submits to the SMSC, and writes reports; delivery receipts come back on the same sessions.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { smppBearer } from './bearer.ts';

export const egressSmpp = egressService('smpp', smppBearer);

if (import.meta.main) await runServices([egressSmpp]);
