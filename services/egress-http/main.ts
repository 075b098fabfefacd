// egress-http. Reads egress.<provider>.urgent and .bulk of every HTTP provider (or of those in HERMOD_PROVIDERS, comma
// separated), calls the provider's API, and writes reports; receipts come in through ingress-dlr.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { httpBearer } from './bearer.ts';

export const egressHttp = egressService('http', httpBearer);

if (import.meta.main) await runServices([egressHttp]);
