// egress-script. Reads egress.<provider>.urgent and .bulk of every script provider, runs the provider's program for each
// message, and writes reports.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { scriptBearer } from './bearer.ts';

export const egressScript = egressService('script', scriptBearer);

if (import.meta.main) await runServices([egressScript]);
