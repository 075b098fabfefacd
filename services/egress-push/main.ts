// egress-push. Reads egress.<provider>.urgent and .bulk of every push provider, sends each message to the recipient's
// device through Firebase Cloud Messaging, and writes reports.
import { egressService } from '#shared/egress/service.ts';
import { runServices } from '#shared/service.ts';
import { pushBearer } from './bearer.ts';

export const egressPush = egressService('push', pushBearer);

if (import.meta.main) await runServices([egressPush]);
