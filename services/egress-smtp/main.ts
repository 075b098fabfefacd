// egress-smtp. Reads egress.<provider>.urgent and .bulk of every mail gateway, sends each message as a mail, and writes
// reports.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { smtpBearer } from './bearer.ts';

export const egressSmtp = egressService('smtp', smtpBearer);

if (import.meta.main) await runServices([egressSmtp]);
